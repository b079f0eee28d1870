// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Format, Rules} from "./Rules.sol";
import {NotKept, SubjectNotFound, SubjectRegistry} from "./SubjectRegistry.sol";
import {Word} from "./Word.sol";

/// @title Which IP addresses the network blocks
/// @notice Words: automatic block = EXISTS|ACTIVE with an expiry, manual block = EXISTS|ACTIVE|MANUAL without one,
/// unblock = EXISTS without one, expiry = EXPIRE with version and tag of the block it ends.
/// An unblock is written also for a subject never seen, so that a block that arrives late stays unblocked.
contract BlockedIPRegistry is SubjectRegistry {
    using Word for uint256;

    /// @param ipHash The subject
    /// @param blockTime Unix seconds when the block was made
    /// @param expiryTime Unix seconds from which it is over; 0 for a manual block
    /// @param isManual Made by a person: never expires
    struct BlockEntry {
        bytes32 ipHash;
        uint256 blockTime;
        uint256 expiryTime;
        bool isManual;
    }

    /// @notice The network's limit for an automatic block, in seconds from its own time.
    uint256 public constant MAX_BLOCK_SECONDS = Rules.MAX_EXPIRY_SECONDS;

    /// @dev An expiry's own expiry is not looked at: when the block ends is what is stored.
    uint256 private constant FLAGS = (Rules.TIMED << 4 * (Word.EXISTS | Word.ACTIVE))
        | (Rules.UNTIMED << 4 * (Word.EXISTS | Word.ACTIVE | Word.MANUAL)) | (Rules.UNTIMED << 4 * Word.EXISTS)
        | ((Rules.TIMED | Rules.UNTIMED | Rules.OVERLONG) << 4 * Word.EXPIRE);

    /// @param admin See {SubjectRegistry}
    constructor(address admin) SubjectRegistry(admin) {}

    /// @notice True for a manual block, and for an automatic one before its expiry: a block ends on time even when
    /// nobody has cleaned up yet.
    function isIPBlocked(bytes32 ipHash) external view returns (bool) {
        uint256 word = _word(ipHash);
        return word.isActive() && (word.isManual() || block.timestamp < word.expiry());
    }

    /// @notice True until the block was ended by an unblock or an applied expiry, also when its time is over.
    function isBlocked(bytes32 ipHash) external view returns (bool) {
        return _word(ipHash).isActive();
    }

    /// @notice The block, also when its time is over and its expiry was not applied yet. Reverts with SubjectNotFound
    /// if there is none.
    /// @dev Shorter than in CareGrid's first contract (`reason` and `blockedBy` are not kept), so that a reader with the
    /// old ABI fails to decode instead of reading a false empty reason.
    function getBlockEntry(bytes32 ipHash) external view returns (BlockEntry memory) {
        uint256 word = _word(ipHash);
        if (!word.isActive()) revert SubjectNotFound(ipHash);
        return BlockEntry(ipHash, word.time(), word.expiry(), word.isManual());
    }

    /// @notice How many blocks stand; one that is over counts until its expiry was applied.
    function getBlockedIPCount() external view returns (uint256) {
        return activeCount();
    }

    /// @notice Always reverts with NotKept: lists come from an index over calldata and events. A list in storage
    /// would cost a second slot a block and grow until no call could read it.
    function getBlockedIPList() external pure returns (bytes32[] memory) {
        revert NotKept();
    }

    /// @notice Always reverts with NotKept, see getBlockedIPList.
    function blockedIPList(uint256) external pure returns (bytes32) {
        revert NotKept();
    }

    /// @notice Always reverts with NotKept: the old getter would have to answer `reason` and `blockedBy`.
    function blockedIPs(bytes32) external pure returns (bytes32, uint256, uint256, string memory, address, bool) {
        revert NotKept();
    }

    /// @notice Always reverts with NotKept: free text never goes on the chain.
    function reason(bytes32) external pure returns (string memory) {
        revert NotKept();
    }

    /// @notice Always reverts with NotKept: who blocked is in the batch's transaction, not in storage.
    function blockedBy(bytes32) external pure returns (address) {
        revert NotKept();
    }

    function _format() internal pure override returns (Format memory) {
        return Format({flags: FLAGS, maxSeverity: 0});
    }
}
