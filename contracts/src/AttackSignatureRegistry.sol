// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Blob} from "./Blob.sol";
import {Format} from "./Rules.sol";
import {NotKept, SubjectNotFound, SubjectRegistry} from "./SubjectRegistry.sol";
import {Word} from "./Word.sol";

/// @title Which attack signatures the branches share
/// @notice Word: EXISTS|ACTIVE with a severity of 1 to 10 in bits 8..15; no expiry.
/// Compatibility mode: CareGrid reads the patterns back from the chain as JSON, and an empty object there would
/// match every request. {applyBatchWithContent} therefore keeps the content too, and every read that would have to
/// leave content out reverts.
contract AttackSignatureRegistry is SubjectRegistry {
    using Word for uint256;

    /// @param signatureHash The subject
    /// @param pattern The content
    /// @param detectedTime Unix seconds when the signature was made
    /// @param reportedBy The writer that put the content here
    /// @param severity 1 (low) to 10 (critical)
    struct AttackSignature {
        bytes32 signatureHash;
        string pattern;
        uint256 detectedTime;
        address reportedBy;
        uint256 severity;
    }

    /// @dev Where the content is, and for which version of the subject. In one slot.
    struct Content {
        address blob;
        uint64 version;
    }

    /// @notice Longest content of one record, in bytes. Longer content would take a batch's gas limit beyond reckoning.
    uint256 public constant MAX_CONTENT_BYTES = 8192;

    uint256 private constant MAX_SEVERITY = 10;
    uint256 private constant WRITER_BYTES = 20;

    mapping(bytes32 subject => Content) private _contents;
    bytes32[] private _listed;

    /// @notice As many contents as records are needed.
    error ContentsLengthMismatch(uint256 records, uint256 contents);
    /// @notice Some signatures were written without content: the list would not be the whole.
    error ListIncomplete(uint256 listed, uint256 signatures);
    error InvalidSeverity(uint256 severity);

    /// @param admin See {SubjectRegistry}
    constructor(address admin) SubjectRegistry(admin) {}

    /// @notice As applyBatch, and stores contents[i] with records[i] where that is written. A record whose content is
    /// empty or above MAX_CONTENT_BYTES is Invalid. Reverts with ContentsLengthMismatch.
    /// @dev The rolling hash covers the records only, as in applyBatch.
    function applyBatchWithContent(Record[] calldata records, bytes[] calldata contents)
        external
        onlyRole(WRITER_ROLE)
        whenNotPaused
    {
        if (records.length != contents.length) revert ContentsLengthMismatch(records.length, contents.length);
        bytes memory outcomes = new bytes(records.length);
        uint256 change;
        for (uint256 i = 0; i < records.length; ++i) {
            // Left at Invalid, which is 0.
            if (contents[i].length == 0 || contents[i].length > MAX_CONTENT_BYTES) continue;
            unchecked {
                change += _applyRecords(records[i:i + 1], outcomes, i);
            }
            if (uint8(outcomes[i]) == uint8(Outcome.Applied)) _storeContent(records[i], contents[i]);
        }
        _finishBatch(records, outcomes, change);
    }

    /// @notice True if the signature was ever written.
    function hasSignature(bytes32 signatureHash) external view returns (bool) {
        return _word(signatureHash) != 0;
    }

    /// @notice How many signatures there are, with content or without.
    function getSignatureCount() external view returns (uint256) {
        return activeCount();
    }

    /// @notice 1 to 10. Reverts with SubjectNotFound.
    function getSeverity(bytes32 signatureHash) external view returns (uint256) {
        return _existing(signatureHash).severity();
    }

    /// @notice The content. Reverts with SubjectNotFound, or with NotKept if the newest version came without content.
    function getSignatureContent(bytes32 signatureHash) external view returns (bytes memory content) {
        (, content) = _loadContent(signatureHash, _existing(signatureHash));
    }

    /// @notice The signature as CareGrid's first contract gave it. Reverts as getSignatureContent.
    function getSignature(bytes32 signatureHash) external view returns (AttackSignature memory) {
        uint256 word = _existing(signatureHash);
        (address writer, bytes memory content) = _loadContent(signatureHash, word);
        return AttackSignature(signatureHash, string(content), word.time(), writer, word.severity());
    }

    /// @notice How many signatures have been written with content at least once.
    function listedCount() external view returns (uint256) {
        return _listed.length;
    }

    /// @notice Signatures written with content at least once, oldest first, at most `limit` from `offset` on; empty at
    /// the end. Without content they are not listed: compare listedCount with getSignatureCount.
    function listSignatures(uint256 offset, uint256 limit) external view returns (bytes32[] memory page) {
        uint256 total = _listed.length;
        uint256 size = offset >= total ? 0 : total - offset < limit ? total - offset : limit;
        page = new bytes32[](size);
        for (uint256 i = 0; i < size; ++i) {
            page[i] = _listed[offset + i];
        }
    }

    /// @notice All signatures. Reverts with ListIncomplete if some were written without content.
    /// @dev Kept for CareGrid's first ABI; its cost grows with the list, listSignatures does not.
    function getAllSignatures() external view returns (bytes32[] memory) {
        _requireCompleteList();
        return _listed;
    }

    /// @notice All signatures of at least this severity (1 to 10). Reverts as getAllSignatures.
    function getSignaturesBySeverity(uint256 minSeverity) external view returns (bytes32[] memory hashes) {
        if (minSeverity == 0 || minSeverity > MAX_SEVERITY) revert InvalidSeverity(minSeverity);
        _requireCompleteList();
        hashes = new bytes32[](_listed.length);
        uint256 found;
        for (uint256 i = 0; i < hashes.length; ++i) {
            bytes32 subject = _listed[i];
            if (_word(subject).severity() >= minSeverity) hashes[found++] = subject;
        }
        assembly ("memory-safe") {
            // Shortens the array to what was found.
            mstore(hashes, found)
        }
    }

    function _format() internal pure override returns (Format memory) {
        return Format({flags: 0, maxSeverity: MAX_SEVERITY});
    }

    function _storeContent(Record calldata record, bytes calldata content) private {
        Content storage entry = _contents[record.subject];
        if (entry.blob == address(0)) _listed.push(record.subject);
        entry.blob = Blob.store(abi.encodePacked(msg.sender, content));
        entry.version = uint64(record.word.version());
    }

    /// @dev A version written later without content makes the old content void: it may not be what that version means.
    function _loadContent(bytes32 subject, uint256 word) private view returns (address writer, bytes memory content) {
        Content storage entry = _contents[subject];
        if (entry.blob == address(0) || entry.version != word.version()) revert NotKept();
        bytes memory data = Blob.load(entry.blob);
        writer = address(bytes20(data));
        content = new bytes(data.length - WRITER_BYTES);
        assembly ("memory-safe") {
            mcopy(add(content, 32), add(data, 52), mload(content))
        }
    }

    function _existing(bytes32 subject) private view returns (uint256 word) {
        word = _word(subject);
        if (word == 0) revert SubjectNotFound(subject);
    }

    function _requireCompleteList() private view {
        if (_listed.length != activeCount()) revert ListIncomplete(_listed.length, activeCount());
    }
}
