// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {SubjectRegistry} from "../../src/SubjectRegistry.sol";
import {vm, Vm} from "./Vm.sol";

/// What the tests of all registries share: an admin, a writer, a clock, one record or batch sent and its outcomes read.
abstract contract RegistryTest {
    uint256 internal constant NOW = 1_750_000_000;
    address internal constant ADMIN = address(0xAD);
    address internal constant WRITER = address(0xB1);
    bytes32 internal constant SUBJECT = keccak256("subject");
    bytes32 internal constant OTHER = keccak256("other subject");

    error Differs(string what, uint256 expected, uint256 actual);

    function _open(SubjectRegistry registry) internal {
        vm.warp(NOW);
        _grantWriter(registry, WRITER);
    }

    function _grantWriter(SubjectRegistry registry, address account) internal {
        bytes32 role = registry.WRITER_ROLE();
        vm.prank(ADMIN);
        registry.grantRole(role, account);
    }

    function _record(bytes32 subject, uint256 word) internal pure returns (SubjectRegistry.Record[] memory records) {
        records = new SubjectRegistry.Record[](1);
        records[0] = SubjectRegistry.Record(subject, word);
    }

    /// Sends the batch and gives the outcomes; also proves that there is exactly one event, from this writer.
    function _sendAs(address writer, SubjectRegistry registry, SubjectRegistry.Record[] memory records)
        internal
        returns (bytes memory outcomes)
    {
        vm.recordLogs();
        vm.prank(writer);
        registry.applyBatch(records);
        outcomes = _outcomes(registry, writer);
        _same("outcomes in the event", records.length, outcomes.length);
    }

    function _outcomes(SubjectRegistry registry, address writer) internal returns (bytes memory outcomes) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        _same("events", 1, logs.length);
        _same("event", uint256(SubjectRegistry.BatchApplied.selector), uint256(logs[0].topics[0]));
        _same("writer in the event", uint160(writer), uint256(logs[0].topics[1]));
        bytes32 head;
        (head, outcomes) = abi.decode(logs[0].data, (bytes32, bytes));
        _same("head in the event", uint256(registry.head(writer)), uint256(head));
    }

    function _send(SubjectRegistry registry, bytes32 subject, uint256 word) internal returns (SubjectRegistry.Outcome) {
        return SubjectRegistry.Outcome(uint8(_sendAs(WRITER, registry, _record(subject, word))[0]));
    }

    function _expect(SubjectRegistry registry, bytes32 subject, uint256 word, SubjectRegistry.Outcome expected)
        internal
    {
        _same("outcome", uint256(expected), uint256(_send(registry, subject, word)));
    }

    /// The outcome, and that nothing at all was written.
    function _expectUnchanged(SubjectRegistry registry, bytes32 subject, uint256 word, SubjectRegistry.Outcome expected)
        internal
    {
        uint256 before = _state(registry, subject);
        uint256 countBefore = registry.activeCount();
        _expect(registry, subject, word, expected);
        _same("state", before, _state(registry, subject));
        _same("active count", countBefore, registry.activeCount());
    }

    function _state(SubjectRegistry registry, bytes32 subject) internal view returns (uint256) {
        bytes32[] memory subjects = new bytes32[](1);
        subjects[0] = subject;
        return registry.states(subjects)[0];
    }

    function _expectMissingRole(address account, bytes32 role) internal {
        vm.expectRevert(abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, account, role));
    }

    function _same(string memory what, uint256 expected, uint256 actual) internal pure {
        if (expected != actual) revert Differs(what, expected, actual);
    }

    function _true(string memory what, bool holds) internal pure {
        _same(what, 1, holds ? 1 : 0);
    }

    function _false(string memory what, bool holds) internal pure {
        _same(what, 0, holds ? 1 : 0);
    }
}
