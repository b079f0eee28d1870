// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {PatientRegistry} from "../src/PatientRegistry.sol";
import {SubjectRegistry} from "../src/SubjectRegistry.sol";
import {RegistryTest} from "./support/RegistryTest.sol";
import {vm} from "./support/Vm.sol";
import {Words} from "./support/Words.sol";

/// Roles, pause, rolling hash, bulk reads: what all registries have from their base.
contract SubjectRegistryTest is RegistryTest {
    address private constant OTHER_WRITER = address(0xB2);
    PatientRegistry private registry;
    uint256 private word = Words.pack(Words.versionAt(NOW, 1), 7, 0, NOW, Words.REGISTERED);

    function setUp() public {
        registry = new PatientRegistry(ADMIN);
        _open(registry);
    }

    function test_adminRoleGoesToTheGivenAccountOnlyAndWritesNothing() public {
        bytes32 adminRole = registry.DEFAULT_ADMIN_ROLE();
        bytes32 writerRole = registry.WRITER_ROLE();
        _true("admin", registry.hasRole(adminRole, ADMIN));
        _false("deployer is admin", registry.hasRole(adminRole, address(this)));
        _false("admin is writer", registry.hasRole(writerRole, ADMIN));
        _same("role id", uint256(keccak256("WRITER_ROLE")), uint256(writerRole));

        _expectMissingRole(ADMIN, writerRole);
        vm.prank(ADMIN);
        registry.applyBatch(_record(SUBJECT, word));
    }

    function test_revokedWriterCannotWrite() public {
        bytes32 writerRole = registry.WRITER_ROLE();
        vm.prank(ADMIN);
        registry.revokeRole(writerRole, WRITER);
        _expectMissingRole(WRITER, writerRole);
        vm.prank(WRITER);
        registry.applyBatch(_record(SUBJECT, word));
    }

    function test_writerCannotPauseNorUnpauseNorGrant() public {
        bytes32 adminRole = registry.DEFAULT_ADMIN_ROLE();
        bytes32 writerRole = registry.WRITER_ROLE();
        _expectMissingRole(WRITER, adminRole);
        vm.prank(WRITER);
        registry.pause();
        _expectMissingRole(WRITER, adminRole);
        vm.prank(WRITER);
        registry.unpause();
        _expectMissingRole(WRITER, adminRole);
        vm.prank(WRITER);
        registry.grantRole(writerRole, OTHER_WRITER);
    }

    function test_pauseStopsWritesButNoReads() public {
        _send(registry, SUBJECT, word);
        vm.prank(ADMIN);
        registry.pause();

        vm.expectRevert(abi.encodeWithSelector(Pausable.EnforcedPause.selector));
        vm.prank(WRITER);
        registry.applyBatch(_record(OTHER, word));
        _true("registered", registry.isPatientRegistered(SUBJECT));
        _same("state", word, _state(registry, SUBJECT));
        _same("active count", 1, registry.activeCount());

        vm.prank(ADMIN);
        registry.unpause();
        _expect(registry, OTHER, word, SubjectRegistry.Outcome.Applied);
        _same("the pause did not disturb the count in its slot", 2, registry.activeCount());
    }

    function test_countLeavesThePauseInItsSlotAlone() public {
        _send(registry, SUBJECT, word);
        _false("paused", registry.paused());
    }

    function testFuzz_rollingHashIsThatOfTheBatches(uint256 seed) public {
        bytes32 expected;
        for (uint256 batch = 0; batch < 4; ++batch) {
            seed = uint256(keccak256(abi.encode(seed)));
            SubjectRegistry.Record[] memory records = new SubjectRegistry.Record[](seed % 5);
            bytes memory bytesOfRecords;
            for (uint256 i = 0; i < records.length; ++i) {
                records[i] = SubjectRegistry.Record(keccak256(abi.encode(seed, i)), i % 2 == 0 ? word : seed);
                bytesOfRecords = abi.encodePacked(bytesOfRecords, records[i].subject, records[i].word);
            }
            _sendAs(WRITER, registry, records);
            expected = keccak256(abi.encodePacked(expected, keccak256(bytesOfRecords)));
            _same("head", uint256(expected), uint256(registry.head(WRITER)));
        }
    }

    function test_eachWriterHasItsOwnHead() public {
        _grantWriter(registry, OTHER_WRITER);
        _send(registry, SUBJECT, word);
        bytes32 before = registry.head(WRITER);
        _same("untouched head", 0, uint256(registry.head(OTHER_WRITER)));
        _sendAs(OTHER_WRITER, registry, _record(SUBJECT, word));
        _same("head of the first writer", uint256(before), uint256(registry.head(WRITER)));
        _same("same batch, same hash", uint256(before), uint256(registry.head(OTHER_WRITER)));
    }

    function test_emptyBatchTellsOfNothingButMovesTheHead() public {
        _sendAs(WRITER, registry, new SubjectRegistry.Record[](0));
        _true("head moved", registry.head(WRITER) != bytes32(0));
        _same("active count", 0, registry.activeCount());
    }

    function test_statesAnswersInOrderAndZeroForTheUnknown() public {
        _send(registry, SUBJECT, word);
        bytes32[] memory subjects = new bytes32[](3);
        (subjects[0], subjects[1], subjects[2]) = (OTHER, SUBJECT, SUBJECT);
        uint256[] memory words = registry.states(subjects);
        _same("length", 3, words.length);
        _same("unknown", 0, words[0]);
        _same("known", word, words[1]);
        _same("asked twice", word, words[2]);
        _same("none asked", 0, registry.states(new bytes32[](0)).length);
    }
}
