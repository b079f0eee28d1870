// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {BlockedIPRegistry} from "../src/BlockedIPRegistry.sol";
import {SubjectRegistry} from "../src/SubjectRegistry.sol";
import {Model} from "./support/Model.sol";
import {RegistryTest} from "./support/RegistryTest.sol";
import {vm} from "./support/Vm.sol";
import {Words} from "./support/Words.sol";

/// Random batches from small domains, so that versions, tags and subjects meet often; the contract and the model must
/// agree on each outcome and each state.
contract BlockModelTest is RegistryTest {
    uint256 private constant SUBJECTS = 3;
    BlockedIPRegistry private registry;
    mapping(bytes32 => Model.State) private model;
    uint256 private random;

    function setUp() public {
        registry = new BlockedIPRegistry(ADMIN);
        _open(registry);
    }

    function testFuzz_contractAndModelAgree(uint256 seed) public {
        random = seed;
        uint256 clock = NOW;
        for (uint256 batch = 0; batch < 4; ++batch) {
            vm.warp(clock);
            _sendAndCompare(clock);
            clock += _pick(40);
        }
    }

    function _sendAndCompare(uint256 clock) private {
        SubjectRegistry.Record[] memory records = new SubjectRegistry.Record[](12);
        bytes memory expected = new bytes(records.length);
        for (uint256 i = 0; i < records.length; ++i) {
            Model.Operation memory o = _operation();
            Model.State memory before = model[o.subject];
            uint8 outcome = Model.check(before, o, clock);
            model[o.subject] = Model.next(before, o, outcome);
            expected[i] = bytes1(outcome);
            records[i] = SubjectRegistry.Record(o.subject, _word(o));
        }
        bytes memory actual = _sendAs(WRITER, registry, records);
        for (uint256 i = 0; i < records.length; ++i) {
            _same("outcome", uint8(expected[i]), uint8(actual[i]));
        }
        _compareStates(clock);
    }

    function _compareStates(uint256 clock) private view {
        uint256 active;
        for (uint256 i = 0; i <= SUBJECTS; ++i) {
            bytes32 subject = bytes32(i);
            Model.State memory s = model[subject];
            uint256 flags = (s.seen ? 4 : 0) + (s.active ? 1 : 0) + (s.manual ? 2 : 0);
            _same("state", Words.pack(s.version, s.tag, s.expiry, s.time, flags), _state(registry, subject));
            bool blocked = s.active && (s.manual || s.expiry > clock);
            _same("blocked", blocked ? 1 : 0, registry.isIPBlocked(subject) ? 1 : 0);
            if (s.active) ++active;
        }
        _same("active count", active, registry.activeCount());
    }

    function _operation() private returns (Model.Operation memory o) {
        // Broken and subject zero are rare, otherwise hardly anything would be applied.
        uint256 kind = _pick(17);
        o.kind = kind == 16 ? Model.Kind.Broken : Model.Kind(kind % 4);
        o.subject = bytes32(_pick(10) == 0 ? 0 : 1 + _pick(SUBJECTS));
        // One of twelve is at the edge of the clock check: ahead now, but perhaps not in the next batch.
        uint256 counter = _pick(12);
        o.version = counter == 0 ? Words.versionAt(NOW + 310, 0) : Words.versionAt(NOW, counter);
        if (_pick(40) == 0) o.version = 0;
        o.tag = _pick(2);
        o.time = NOW;
        if (o.kind == Model.Kind.Automatic) o.expiry = _pick(30) == 0 ? NOW + 367 days : NOW + _pick(120);
    }

    function _word(Model.Operation memory o) private pure returns (uint256) {
        uint256[5] memory flags = [Words.AUTOMATIC, Words.BY_HAND, Words.INACTIVE, Words.EXPIRY, uint256(13)];
        return Words.pack(o.version, o.tag, o.expiry, o.time, flags[uint256(o.kind)]);
    }

    function _pick(uint256 below) private returns (uint256) {
        random = uint256(keccak256(abi.encode(random)));
        return random % below;
    }
}
