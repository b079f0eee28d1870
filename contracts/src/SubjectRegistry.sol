// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {Format, Rules} from "./Rules.sol";

/// @notice Asked for something that one word a subject cannot answer (lists, reasons, who did it). It fails instead of
/// giving an empty answer, which a reader would take for the truth.
error NotKept();
/// @notice Nothing in force is stored for this subject.
error SubjectNotFound(bytes32 subject);

/// @title A register of subjects, written in batches, one compare-and-set a record
/// @notice A doubled, late, reordered or replayed transaction has no second effect: a record is applied only if its
/// version is above the stored one. A bad record is skipped and told by its outcome, never the whole batch.
/// @dev A batch is undone as a whole only by a missing role, by the pause, or by running out of gas.
abstract contract SubjectRegistry is AccessControl, Pausable {
    /// @param subject Opaque key of the subject (a keyed pseudonym, never a name or a bare address)
    /// @param word Its new state, see {Word}
    struct Record {
        bytes32 subject;
        uint256 word;
    }

    /// @notice What became of a record; one byte a record in {BatchApplied}. 0 is never a success.
    /// Final: Invalid, Applied, AlreadyApplied, Superseded, Conflict, Expired, Kept. Try again later: NotDue, Missing, Future.
    enum Outcome {
        Invalid, // 0 not a record of this register, whatever is stored
        Applied, // 1 written
        AlreadyApplied, // 2 this very operation was applied before, nothing written
        Superseded, // 3 something newer is stored, nothing written
        Conflict, // 4 another operation is stored under this version, nothing written
        Expired, // 5 a block that was over on arrival: written without ACTIVE, so that it still supersedes
        NotDue, // 6 an expiry before its time, nothing written
        Kept, // 7 a manual block stands and is kept, nothing written
        Missing, // 8 an expiry for a block that has not arrived yet, nothing written
        Future // 9 the version is ahead of the chain's clock, nothing written
    }

    /// @notice May write batches. Granted by the admin, one account a lane; the admin key stays out of the hot path.
    bytes32 public constant WRITER_ROLE = keccak256("WRITER_ROLE");

    /// @notice How far a version may be ahead of `block.timestamp`, in seconds. A branch whose clock runs away would
    /// otherwise put a version on the chain that nobody can supersede.
    uint256 public constant MAX_AHEAD_SECONDS = Rules.MAX_AHEAD_SECONDS;

    /// @dev In the slot of Pausable's flag, which every batch reads anyway: counting costs one warm write a batch.
    uint64 private _activeCount;

    /// @notice Rolling hash over all batches of a writer: `keccak256(head ++ keccak256(records))`, where records are the
    /// 64-byte records of the batch one after another. Whoever kept the batches gets the same hash or has lost one.
    mapping(address writer => bytes32) public head;

    mapping(bytes32 subject => uint256 word) private _words;

    /// @notice Exactly one a batch.
    /// @param writer Who sent the batch
    /// @param head The writer's rolling hash after it
    /// @param outcomes One byte a record, in the order of the records, see {Outcome}
    event BatchApplied(address indexed writer, bytes32 head, bytes outcomes);

    /// @param admin Gets the admin role and no other: writers and pauses are its decision
    constructor(address admin) {
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /// @notice Stops all writing; reads go on.
    function pause() external onlyRole(DEFAULT_ADMIN_ROLE) {
        _pause();
    }

    /// @notice Lets writing go on.
    function unpause() external onlyRole(DEFAULT_ADMIN_ROLE) {
        _unpause();
    }

    /// @notice Applies each record by itself, in order. An empty batch is allowed: it uses a nonce and extends the head.
    /// @param records What to write; a subject may occur more than once
    function applyBatch(Record[] calldata records) external onlyRole(WRITER_ROLE) whenNotPaused {
        bytes memory outcomes = new bytes(records.length);
        uint256 change = _applyRecords(records, outcomes, 0);
        _finishBatch(records, outcomes, change);
    }

    /// @notice The stored words of the subjects, in their order; 0 where nothing is stored.
    function states(bytes32[] calldata subjects) external view returns (uint256[] memory words) {
        words = new uint256[](subjects.length);
        for (uint256 i = 0; i < subjects.length; ++i) {
            words[i] = _words[subjects[i]];
        }
    }

    /// @notice How many subjects are stored as active; a block that is over counts until its expiry was applied.
    function activeCount() public view returns (uint256) {
        return _activeCount;
    }

    /// @dev Decides and writes the records by {Rules}.
    /// @param outcomes Gets their outcomes from place `first` on; 0 there before
    /// @return change By how much the number of active subjects changed; two's complement
    function _applyRecords(Record[] calldata records, bytes memory outcomes, uint256 first)
        internal
        returns (uint256 change)
    {
        uint256 start;
        uint256 end;
        uint256 outcomesStart;
        assembly ("memory-safe") {
            start := records.offset
            end := add(start, mul(records.length, 64))
            outcomesStart := add(add(outcomes, 32), first)
        }
        return Rules.applyRecords(_words, _format(), start, end, outcomesStart);
    }

    /// @dev The end of every batch: count, rolling hash, event.
    function _finishBatch(Record[] calldata records, bytes memory outcomes, uint256 change) internal {
        if (change != 0) {
            unchecked {
                _activeCount = uint64(_activeCount + change);
            }
        }
        bytes32 next = keccak256(abi.encodePacked(head[msg.sender], _hash(records)));
        head[msg.sender] = next;
        emit BatchApplied(msg.sender, next, outcomes);
    }

    function _word(bytes32 subject) internal view returns (uint256) {
        return _words[subject];
    }

    /// @dev Which words this register takes. An expiry (flag EXPIRE) only where something can expire.
    function _format() internal pure virtual returns (Format memory);

    /// @dev keccak256 of the 64-byte records one after another: as they lie in the calldata, without offset and length.
    function _hash(Record[] calldata records) private pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            // Above the free memory pointer, and given back: nothing is allocated.
            let start := mload(0x40)
            let size := mul(records.length, 64)
            calldatacopy(start, records.offset, size)
            hash := keccak256(start, size)
        }
    }
}
