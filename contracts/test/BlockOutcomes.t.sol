// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {BlockedIPRegistry} from "../src/BlockedIPRegistry.sol";
import {SubjectRegistry} from "../src/SubjectRegistry.sol";
import {RegistryTest} from "./support/RegistryTest.sol";
import {vm} from "./support/Vm.sol";
import {Words} from "./support/Words.sol";

/// Each of the ten outcomes, and the order in which they are decided. Blocks have all of them.
contract BlockOutcomesTest is RegistryTest {
    BlockedIPRegistry private registry;
    uint256 private v1 = Words.versionAt(NOW, 1);
    uint256 private v2 = Words.versionAt(NOW, 2);

    function setUp() public {
        registry = new BlockedIPRegistry(ADMIN);
        _open(registry);
    }

    function test_appliedStoresTheWordOfTheCalldata() public {
        uint256 word = _automatic(v1, 7, 3600);
        _expect(registry, SUBJECT, word, SubjectRegistry.Outcome.Applied);
        _same("state", word, _state(registry, SUBJECT));
        _same("active count", 1, registry.activeCount());
    }

    function test_newerVersionReplacesAnActiveBlock() public {
        _send(registry, SUBJECT, _automatic(v1, 7, 3600));
        uint256 renewal = _automatic(v2, 8, 7200);
        _expect(registry, SUBJECT, renewal, SubjectRegistry.Outcome.Applied);
        _same("state", renewal, _state(registry, SUBJECT));
        _same("active count", 1, registry.activeCount());
    }

    function test_sameOperationIsAlreadyApplied() public {
        uint256 word = _automatic(v1, 7, 3600);
        _send(registry, SUBJECT, word);
        _expectUnchanged(registry, SUBJECT, word, SubjectRegistry.Outcome.AlreadyApplied);
    }

    function test_olderVersionIsSuperseded() public {
        _send(registry, SUBJECT, _automatic(v2, 7, 3600));
        _expectUnchanged(registry, SUBJECT, _unblock(v1, 7), SubjectRegistry.Outcome.Superseded);
        _expectUnchanged(registry, SUBJECT, _expiry(v1, 7), SubjectRegistry.Outcome.Superseded);
    }

    function test_sameVersionWithAnotherTagIsAConflict() public {
        _send(registry, SUBJECT, _automatic(v1, 7, 3600));
        _expectUnchanged(registry, SUBJECT, _automatic(v1, 8, 3600), SubjectRegistry.Outcome.Conflict);
        vm.warp(NOW + 3600);
        _expectUnchanged(registry, SUBJECT, _expiry(v1, 8), SubjectRegistry.Outcome.Conflict);
    }

    function test_blockThatIsOverOnArrivalIsExpiredAndStillSupersedes() public {
        _send(registry, SUBJECT, _automatic(v1, 7, 3600));
        vm.warp(NOW + 100);
        uint256 word = _automatic(v2, 8, 100);
        _expect(registry, SUBJECT, word, SubjectRegistry.Outcome.Expired);
        _same("state is the word without ACTIVE", word - 1, _state(registry, SUBJECT));
        _same("active count", 0, registry.activeCount());
        _expectUnchanged(registry, SUBJECT, word, SubjectRegistry.Outcome.AlreadyApplied);
    }

    function test_automaticBlockOverAManualOneIsKept() public {
        uint256 manual = _manual(v1, 7);
        _send(registry, SUBJECT, manual);
        _expectUnchanged(registry, SUBJECT, _automatic(v2, 8, 3600), SubjectRegistry.Outcome.Kept);
    }

    function test_automaticBlockThatIsOverDoesNotBuryAManualOne() public {
        _send(registry, SUBJECT, _manual(v1, 7));
        vm.warp(NOW + 3600);
        _expectUnchanged(registry, SUBJECT, _automatic(v2, 8, 60), SubjectRegistry.Outcome.Kept);
        _true("blocked", registry.isIPBlocked(SUBJECT));
    }

    function test_automaticBlockAfterAnUnblockedManualOneIsApplied() public {
        _send(registry, SUBJECT, _manual(v1, 7));
        _send(registry, SUBJECT, _unblock(v2, 8));
        uint256 word = _automatic(Words.versionAt(NOW, 3), 9, 3600);
        _expect(registry, SUBJECT, word, SubjectRegistry.Outcome.Applied);
    }

    function test_expiryOfAManualBlockIsKept() public {
        _send(registry, SUBJECT, _manual(v1, 7));
        vm.warp(NOW + 400 days);
        _expectUnchanged(registry, SUBJECT, _expiry(v1, 7), SubjectRegistry.Outcome.Kept);
    }

    function test_expiryBeforeItsTimeIsNotDue() public {
        _send(registry, SUBJECT, _automatic(v1, 7, 3600));
        vm.warp(NOW + 3599);
        _expectUnchanged(registry, SUBJECT, _expiry(v1, 7), SubjectRegistry.Outcome.NotDue);
    }

    function test_expiryOfABlockThatHasNotArrivedIsMissing() public {
        _expectUnchanged(registry, SUBJECT, _expiry(v1, 7), SubjectRegistry.Outcome.Missing);
        _send(registry, SUBJECT, _automatic(v1, 7, 3600));
        _expectUnchanged(registry, SUBJECT, _expiry(v2, 7), SubjectRegistry.Outcome.Missing);
    }

    function test_versionAheadOfTheChainIsFutureUntilTheChainCatchesUp() public {
        uint256 ahead = _unblock(Words.versionAt(NOW + 301, 0), 7);
        _expectUnchanged(registry, SUBJECT, ahead, SubjectRegistry.Outcome.Future);
        _expect(registry, OTHER, _unblock(Words.versionAt(NOW + 300, 0), 7), SubjectRegistry.Outcome.Applied);
        vm.warp(NOW + 1);
        _expect(registry, SUBJECT, ahead, SubjectRegistry.Outcome.Applied);
    }

    function test_oneMillisecondTooFarAheadIsFuture() public {
        uint256 justAhead = Words.versionAt(NOW + 300, 0) + (1 << 22);
        _expectUnchanged(registry, SUBJECT, _unblock(justAhead, 7), SubjectRegistry.Outcome.Future);
    }

    function test_futureIsToldBeforeKeptAndExpired() public {
        _send(registry, SUBJECT, _manual(v1, 7));
        uint256 ahead = Words.versionAt(NOW + 301, 0);
        _expectUnchanged(registry, SUBJECT, _automatic(ahead, 8, 3600), SubjectRegistry.Outcome.Future);
        vm.warp(NOW + 1);
        _expect(registry, OTHER, _automatic(Words.versionAt(NOW + 302, 0), 8, 1), SubjectRegistry.Outcome.Future);
    }

    function test_invalidIsToldWhateverIsStored() public {
        _send(registry, SUBJECT, _automatic(v2, 7, 3600));
        uint256 bad = Words.pack(v1, 7, 0, NOW, Words.AUTOMATIC);
        _expectUnchanged(registry, SUBJECT, bad, SubjectRegistry.Outcome.Invalid);
        _expectUnchanged(registry, OTHER, bad, SubjectRegistry.Outcome.Invalid);
        uint256 badAndAhead = Words.pack(type(uint64).max, 7, 0, NOW, Words.AUTOMATIC);
        _expectUnchanged(registry, SUBJECT, badAndAhead, SubjectRegistry.Outcome.Invalid);
    }

    function test_subjectZeroAndVersionZeroAreInvalid() public {
        _expectUnchanged(registry, bytes32(0), _automatic(v1, 7, 3600), SubjectRegistry.Outcome.Invalid);
        _expectUnchanged(registry, SUBJECT, _automatic(0, 7, 3600), SubjectRegistry.Outcome.Invalid);
        _expectUnchanged(registry, SUBJECT, _expiry(0, 0), SubjectRegistry.Outcome.Invalid);
    }

    function test_badRecordDoesNotStopTheOthersOfItsBatch() public {
        SubjectRegistry.Record[] memory records = new SubjectRegistry.Record[](3);
        records[0] = SubjectRegistry.Record(SUBJECT, _automatic(v1, 7, 3600));
        records[1] = SubjectRegistry.Record(SUBJECT, 0);
        records[2] = SubjectRegistry.Record(SUBJECT, _unblock(v2, 8));
        bytes memory outcomes = _sendAs(WRITER, registry, records);
        _same("outcomes", uint256(uint24(0x010001)), uint256(uint24(bytes3(outcomes))));
        _same("state", _unblock(v2, 8), _state(registry, SUBJECT));
        _same("active count", 0, registry.activeCount());
    }

    function _automatic(uint256 version, uint256 tag, uint256 seconds_) private pure returns (uint256) {
        return Words.pack(version, tag, NOW + seconds_, NOW, Words.AUTOMATIC);
    }

    function _manual(uint256 version, uint256 tag) private pure returns (uint256) {
        return Words.pack(version, tag, 0, NOW, Words.BY_HAND);
    }

    function _unblock(uint256 version, uint256 tag) private pure returns (uint256) {
        return Words.pack(version, tag, 0, NOW, Words.INACTIVE);
    }

    function _expiry(uint256 version, uint256 tag) private pure returns (uint256) {
        return Words.pack(version, tag, 0, 0, Words.EXPIRY);
    }
}
