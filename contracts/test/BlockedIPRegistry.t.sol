// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {BlockedIPRegistry} from "../src/BlockedIPRegistry.sol";
import {NotKept, SubjectNotFound, SubjectRegistry} from "../src/SubjectRegistry.sol";
import {RegistryTest} from "./support/RegistryTest.sol";
import {vm} from "./support/Vm.sol";
import {Words} from "./support/Words.sol";

/// When a block holds, when it ends, and what can be read.
contract BlockedIPRegistryTest is RegistryTest {
    BlockedIPRegistry private registry;
    uint256 private v1 = Words.versionAt(NOW, 1);
    uint256 private v2 = Words.versionAt(NOW, 2);

    function setUp() public {
        registry = new BlockedIPRegistry(ADMIN);
        _open(registry);
    }

    function test_blockHoldsToTheLastSecondAndNotOneLonger() public {
        _send(registry, SUBJECT, _automatic(v1, NOW + 3600));
        vm.warp(NOW + 3599);
        _true("blocked in its last second", registry.isIPBlocked(SUBJECT));
        vm.warp(NOW + 3600);
        _false("blocked at its expiry", registry.isIPBlocked(SUBJECT));
        _true("still stored as active", registry.isBlocked(SUBJECT));
        _same("counted until cleaned up", 1, registry.getBlockedIPCount());
    }

    function test_blockOfThisVerySecondIsOver() public {
        _expect(registry, SUBJECT, _automatic(v1, NOW), SubjectRegistry.Outcome.Expired);
        _expect(registry, OTHER, _automatic(v1, NOW + 1), SubjectRegistry.Outcome.Applied);
    }

    function test_expiryAtItsSecondLeavesATombstone() public {
        uint256 word = _automatic(v1, NOW + 3600);
        _send(registry, SUBJECT, word);
        vm.warp(NOW + 3600);
        _expect(registry, SUBJECT, _expiry(v1), SubjectRegistry.Outcome.Applied);
        _same("only ACTIVE is gone", word - 1, _state(registry, SUBJECT));
        _same("active count", 0, registry.activeCount());
        _expectUnchanged(registry, SUBJECT, _expiry(v1), SubjectRegistry.Outcome.AlreadyApplied);
    }

    function test_expiredBlockNeverComesBackByReplay() public {
        uint256 word = _automatic(v1, NOW + 3600);
        _send(registry, SUBJECT, word);
        vm.warp(NOW + 3600);
        _send(registry, SUBJECT, _expiry(v1));
        vm.warp(NOW);
        _expectUnchanged(registry, SUBJECT, word, SubjectRegistry.Outcome.AlreadyApplied);
        _false("blocked", registry.isIPBlocked(SUBJECT));
    }

    function test_expiryOfARenewedBlockDoesNotEndTheRenewal() public {
        _send(registry, SUBJECT, _automatic(v1, NOW + 60));
        _send(registry, SUBJECT, _automatic(v2, NOW + 3600));
        vm.warp(NOW + 61);
        _expectUnchanged(registry, SUBJECT, _expiry(v1), SubjectRegistry.Outcome.Superseded);
        _true("blocked", registry.isIPBlocked(SUBJECT));
    }

    function test_expiryGoesByTheStoredTimeNotByItsOwn() public {
        _send(registry, SUBJECT, _automatic(v1, NOW + 3600));
        uint256 lie = Words.pack(v1, 7, NOW - 1, 1, Words.EXPIRY);
        _expectUnchanged(registry, SUBJECT, lie, SubjectRegistry.Outcome.NotDue);
    }

    function test_unblockOfASubjectNeverSeenKeepsALateBlockOut() public {
        _expect(registry, SUBJECT, Words.pack(v2, 8, 0, NOW, Words.INACTIVE), SubjectRegistry.Outcome.Applied);
        _expectUnchanged(registry, SUBJECT, _automatic(v1, NOW + 3600), SubjectRegistry.Outcome.Superseded);
        _false("blocked", registry.isIPBlocked(SUBJECT));
    }

    function test_manualBlockReplacesAnAutomaticOneAndNeverExpires() public {
        _send(registry, SUBJECT, _automatic(v1, NOW + 60));
        _expect(registry, SUBJECT, Words.pack(v2, 8, 0, NOW, Words.BY_HAND), SubjectRegistry.Outcome.Applied);
        vm.warp(NOW + 3650 days);
        _true("blocked", registry.isIPBlocked(SUBJECT));
        _same("active count", 1, registry.activeCount());
    }

    function test_longestAutomaticBlockIs366Days() public {
        uint256 limit = registry.MAX_BLOCK_SECONDS();
        _same("limit", 366 * 24 * 3600, limit);
        _expectUnchanged(registry, SUBJECT, _automatic(v1, NOW + limit + 1), SubjectRegistry.Outcome.Invalid);
        _expect(registry, SUBJECT, _automatic(v1, NOW + limit), SubjectRegistry.Outcome.Applied);
    }

    function test_onlyTheFourKindsOfWordsAreValid() public {
        for (uint256 flags = 0; flags < 16; ++flags) {
            bool withExpiry = flags == Words.AUTOMATIC;
            bool valid = withExpiry || flags == Words.BY_HAND || flags == Words.INACTIVE;
            bytes32 subject = bytes32(flags + 1);
            // An expiry for nothing is valid, and Missing.
            SubjectRegistry.Outcome expected = flags == Words.EXPIRY
                ? SubjectRegistry.Outcome.Missing
                : valid ? SubjectRegistry.Outcome.Applied : SubjectRegistry.Outcome.Invalid;
            _expect(registry, subject, Words.pack(v1, 7, withExpiry ? NOW + 60 : 0, NOW, flags), expected);
            if (flags == Words.EXPIRY) continue;
            uint256 wrongExpiry = Words.pack(v1, 7, withExpiry ? 0 : NOW + 60, NOW, flags);
            _expect(registry, bytes32(flags + 100), wrongExpiry, SubjectRegistry.Outcome.Invalid);
        }
    }

    function testFuzz_anyFurtherFlagIsInvalid(uint256 bit, uint256 kind) public {
        uint256 extra = 1 << (4 + bit % 44);
        uint256[4] memory kinds = [Words.AUTOMATIC, Words.BY_HAND, Words.INACTIVE, Words.EXPIRY];
        uint256 flags = kinds[kind % 4];
        uint256 expiry = flags == Words.AUTOMATIC ? NOW + 60 : 0;
        uint256 word = Words.pack(v1, 7, expiry, NOW, flags | extra);
        _expectUnchanged(registry, SUBJECT, word, SubjectRegistry.Outcome.Invalid);
    }

    function test_blockEntryTellsWhatIsStored() public {
        _send(registry, SUBJECT, _automatic(v1, NOW + 3600));
        BlockedIPRegistry.BlockEntry memory entry = registry.getBlockEntry(SUBJECT);
        _same("subject", uint256(SUBJECT), uint256(entry.ipHash));
        _same("time", NOW, entry.blockTime);
        _same("expiry", NOW + 3600, entry.expiryTime);
        _false("manual", entry.isManual);

        _send(registry, SUBJECT, Words.pack(v2, 8, 0, NOW, Words.INACTIVE));
        vm.expectRevert(abi.encodeWithSelector(SubjectNotFound.selector, SUBJECT));
        registry.getBlockEntry(SUBJECT);
    }

    function test_readsThatOneWordCannotAnswerRevert() public {
        _send(registry, SUBJECT, _automatic(v1, NOW + 3600));
        bytes memory notKept = abi.encodeWithSelector(NotKept.selector);
        vm.expectRevert(notKept);
        registry.getBlockedIPList();
        vm.expectRevert(notKept);
        registry.blockedIPList(0);
        vm.expectRevert(notKept);
        registry.blockedIPs(SUBJECT);
        vm.expectRevert(notKept);
        registry.reason(SUBJECT);
        vm.expectRevert(notKept);
        registry.blockedBy(SUBJECT);
    }

    function _automatic(uint256 version, uint256 expiry) private pure returns (uint256) {
        return Words.pack(version, 7, expiry, NOW, Words.AUTOMATIC);
    }

    function _expiry(uint256 version) private pure returns (uint256) {
        return Words.pack(version, 7, 0, 0, Words.EXPIRY);
    }
}
