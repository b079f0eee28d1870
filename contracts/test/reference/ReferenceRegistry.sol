// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SubjectRegistry} from "../../src/SubjectRegistry.sol";
import {Word} from "../../src/Word.sol";

/// @notice The rules of {SubjectRegistry} to be read: plain Solidity, rule by rule with its reason, cost no object, no
/// roles and no pause. `contracts/src/Rules.sol` is the same for the chain; the two must agree on every outcome, every
/// stored word, the count and the rolling hash. A rule is changed here first.
abstract contract ReferenceRegistry {
    using Word for uint256;

    uint256 public constant MAX_AHEAD_SECONDS = 300;
    uint256 private constant VERSION_EPOCH_MS = 1_704_067_200_000;

    uint256 public activeCount;
    mapping(address writer => bytes32) public head;
    mapping(bytes32 subject => uint256) public words;

    event BatchApplied(address indexed writer, bytes32 head, bytes outcomes);

    /// @notice As {SubjectRegistry-applyBatch}, for everyone, with the outcomes also returned.
    function applyBatch(SubjectRegistry.Record[] calldata records) external returns (bytes memory outcomes) {
        outcomes = new bytes(records.length);
        bytes memory hashed;
        for (uint256 i = 0; i < records.length; ++i) {
            outcomes[i] = bytes1(uint8(_apply(records[i].subject, records[i].word)));
            hashed = abi.encodePacked(hashed, records[i].subject, records[i].word);
        }
        head[msg.sender] = keccak256(abi.encodePacked(head[msg.sender], keccak256(hashed)));
        emit BatchApplied(msg.sender, head[msg.sender], outcomes);
    }

    /// @notice As {SubjectRegistry-states}.
    function states(bytes32[] calldata subjects) external view returns (uint256[] memory stored) {
        stored = new uint256[](subjects.length);
        for (uint256 i = 0; i < subjects.length; ++i) {
            stored[i] = words[subjects[i]];
        }
    }

    function _apply(bytes32 subject, uint256 word) private returns (SubjectRegistry.Outcome outcome) {
        uint256 stored = words[subject];
        uint256 next;
        (outcome, next) = _decide(subject, stored, word);
        words[subject] = next;
        if (next.isActive() && !stored.isActive()) ++activeCount;
        if (!next.isActive() && stored.isActive()) --activeCount;
    }

    /// @dev All rules, without effects. Invalid comes first and looks at the record alone: the same record is Invalid
    /// today and tomorrow, so it can be set aside for good.
    function _decide(bytes32 subject, uint256 stored, uint256 word)
        private
        view
        returns (SubjectRegistry.Outcome, uint256 next)
    {
        if (subject == 0 || word.version() == 0 || !_isValid(word)) return (SubjectRegistry.Outcome.Invalid, stored);
        if (word & Word.EXPIRE != 0) return _decideExpiry(stored, word);
        return _decideWrite(stored, word);
    }

    /// @dev The order matters:
    /// - Against the stored version first: what is older or the same is settled, also when the clocks disagree. (A stored
    ///   version has passed the clock check before, so nothing at or below it can be from the future.)
    /// - Future before Kept and Expired: whether a manual block stands, or a block is over, is decided for good
    ///   only once the version may be decided at all.
    /// - Kept before Expired: an automatic block that is over must not bury a manual one under its tombstone.
    function _decideWrite(uint256 stored, uint256 word)
        internal
        view
        virtual
        returns (SubjectRegistry.Outcome, uint256 next)
    {
        if (word.version() < stored.version()) return (SubjectRegistry.Outcome.Superseded, stored);
        if (word.version() == stored.version()) {
            bool same = word.isSameOperation(stored);
            return (same ? SubjectRegistry.Outcome.AlreadyApplied : SubjectRegistry.Outcome.Conflict, stored);
        }
        if (_isAhead(word.version())) return (SubjectRegistry.Outcome.Future, stored);
        // Only an automatic block has an expiry.
        if (word.expiry() != 0) {
            if (stored.isActive() && stored.isManual()) return (SubjectRegistry.Outcome.Kept, stored);
            if (word.expiry() <= block.timestamp) return (SubjectRegistry.Outcome.Expired, word & ~Word.ACTIVE);
        }
        return (SubjectRegistry.Outcome.Applied, word);
    }

    /// @dev An expiry carries version and tag of the block it ends, and changes nothing but ACTIVE. What stays is the
    /// tombstone: clearing the slot would let a late copy of the block bring it back. Its own expiry and time are not
    /// looked at; when the block ends is what is stored. The order: identity of the block, then whether there is
    /// anything left to end, then whether it may end at all, then whether it may end now.
    function _decideExpiry(uint256 stored, uint256 word)
        internal
        view
        virtual
        returns (SubjectRegistry.Outcome, uint256 next)
    {
        if (word.version() < stored.version()) return (SubjectRegistry.Outcome.Superseded, stored);
        if (word.version() > stored.version()) return (SubjectRegistry.Outcome.Missing, stored);
        if (!word.isSameOperation(stored)) return (SubjectRegistry.Outcome.Conflict, stored);
        if (!stored.isActive()) return (SubjectRegistry.Outcome.AlreadyApplied, stored);
        if (stored.isManual()) return (SubjectRegistry.Outcome.Kept, stored);
        if (stored.expiry() > block.timestamp) return (SubjectRegistry.Outcome.NotDue, stored);
        return (SubjectRegistry.Outcome.Applied, stored & ~Word.ACTIVE);
    }

    /// @dev Which words the register takes, whatever is stored and whenever it is.
    function _isValid(uint256 word) internal pure virtual returns (bool);

    function _isAhead(uint256 version) private view returns (bool) {
        return VERSION_EPOCH_MS + (version >> 22) > (block.timestamp + MAX_AHEAD_SECONDS) * 1000;
    }
}

contract ReferenceBlocks is ReferenceRegistry {
    using Word for uint256;

    uint256 public constant MAX_BLOCK_SECONDS = 366 days;

    /// @notice As {BlockedIPRegistry-isIPBlocked}.
    function isIPBlocked(bytes32 ipHash) external view returns (bool) {
        uint256 word = words[ipHash];
        return word.isActive() && (word.isManual() || block.timestamp < word.expiry());
    }

    function _isValid(uint256 word) internal pure override returns (bool) {
        uint256 flags = word.flags();
        uint256 expiry = word.expiry();
        if (flags == Word.EXPIRE) return true;
        if (flags == Word.EXISTS | Word.ACTIVE) return expiry != 0 && expiry <= word.time() + MAX_BLOCK_SECONDS;
        return (flags == Word.EXISTS || flags == Word.EXISTS | Word.ACTIVE | Word.MANUAL) && expiry == 0;
    }
}

contract ReferencePatients is ReferenceRegistry {
    using Word for uint256;

    function _isValid(uint256 word) internal pure override returns (bool) {
        return (word.flags() == Word.EXISTS || word.flags() == Word.EXISTS | Word.ACTIVE) && word.expiry() == 0;
    }
}

contract ReferenceSignatures is ReferenceRegistry {
    using Word for uint256;

    function _isValid(uint256 word) internal pure override returns (bool) {
        uint256 severity = word.severity();
        return word.flags() == Word.EXISTS | Word.ACTIVE | (severity << 8) && severity >= 1 && severity <= 10
            && word.expiry() == 0;
    }
}
