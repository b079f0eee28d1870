// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AttackSignatureRegistry} from "../src/AttackSignatureRegistry.sol";
import {BlockedIPRegistry} from "../src/BlockedIPRegistry.sol";
import {PatientRegistry} from "../src/PatientRegistry.sol";
import {SubjectRegistry} from "../src/SubjectRegistry.sol";
import {
    ReferenceBlocks,
    ReferencePatients,
    ReferenceRegistry,
    ReferenceSignatures
} from "./reference/ReferenceRegistry.sol";
import {RegistryTest} from "./support/RegistryTest.sol";
import {vm} from "./support/Vm.sol";
import {Words} from "./support/Words.sol";

/// The deployed registries against the readable ones: the same batches to both, at the same time, by the same writer.
/// Outcomes, stored words, active count and rolling hash must be equal after each batch.
contract DifferentialTest is RegistryTest {
    struct Pair {
        SubjectRegistry fast;
        ReferenceRegistry plain;
    }

    error ReachedTooRarely(uint256 outcome, uint256 times);

    uint256 private constant SUBJECTS = 4;
    uint256 private constant BATCHES = 4;
    uint256 private constant RECORDS = 24;

    Pair private blocks;
    Pair private patients;
    Pair private signatures;
    uint256 private random;
    uint256 private clock;
    uint256[10] private reached;

    function setUp() public {
        blocks = Pair(new BlockedIPRegistry(ADMIN), new ReferenceBlocks());
        patients = Pair(new PatientRegistry(ADMIN), new ReferencePatients());
        signatures = Pair(new AttackSignatureRegistry(ADMIN), new ReferenceSignatures());
        _open(blocks.fast);
        _open(patients.fast);
        _open(signatures.fast);
        clock = NOW;
    }

    function testFuzz_blocksAgreeWithTheReference(uint256 seed) public {
        _compareRandomBatches(blocks, seed);
    }

    function testFuzz_patientsAgreeWithTheReference(uint256 seed) public {
        _compareRandomBatches(patients, seed);
    }

    function testFuzz_signaturesAgreeWithTheReference(uint256 seed) public {
        _compareRandomBatches(signatures, seed);
    }

    function testFuzz_anyTwoWordsAgree(bytes32 subject, uint256 first, uint256 second, uint40 timestamp) public {
        SubjectRegistry.Record[] memory records = new SubjectRegistry.Record[](3);
        records[0] = SubjectRegistry.Record(subject, first);
        records[1] = SubjectRegistry.Record(subject, second);
        records[2] = SubjectRegistry.Record(subject, first);
        clock = timestamp;
        _compare(blocks, records);
        _compare(patients, records);
        _compare(signatures, records);
    }

    /// Otherwise the fuzzing could agree on nothing but refusals and nobody would know.
    function test_theRandomBatchesReachEveryOutcomeOften() public {
        for (uint256 seed = 0; seed < 16; ++seed) {
            setUp();
            _compareRandomBatches(blocks, seed);
        }
        for (uint256 outcome = 0; outcome < 10; ++outcome) {
            if (reached[outcome] < 10) revert ReachedTooRarely(outcome, reached[outcome]);
        }
    }

    function test_allFlagsOfBlocksAgree() public {
        _compareAllFlags(blocks);
    }

    function test_allFlagsOfPatientsAgree() public {
        _compareAllFlags(patients);
    }

    function test_allFlagsOfSignaturesAgree() public {
        _compareAllFlags(signatures);
    }

    /// The milliseconds left to the newest version are then below zero.
    function test_clocksAroundTheFirstVersionAgree() public {
        uint256[4] memory clocks = [1, Words.EPOCH - 301, Words.EPOCH - 300, Words.EPOCH - 299];
        for (uint256 c = 0; c < clocks.length; ++c) {
            SubjectRegistry.Record[] memory records = new SubjectRegistry.Record[](4);
            uint256[4] memory milliseconds = [uint256(0), 1, 1000, 1001];
            for (uint256 i = 0; i < records.length; ++i) {
                uint256 word = Words.pack(milliseconds[i] << 22 | 1, 7, 0, 0, Words.INACTIVE);
                records[i] = SubjectRegistry.Record(bytes32(1 + c * 4 + i), word);
            }
            clock = clocks[c];
            _compare(blocks, records);
        }
        _same("future", 4 + 4 + 3 + 1, reached[uint256(SubjectRegistry.Outcome.Future)]);
    }

    function testFuzz_contentModeAgreesWhereThereIsContent(uint256 seed) public {
        random = seed;
        SubjectRegistry.Record[] memory records = _randomBatch(signatures.plain);
        bytes[] memory contents = new bytes[](RECORDS);
        SubjectRegistry.Record[] memory withContent = new SubjectRegistry.Record[](RECORDS);
        for (uint256 i = 0; i < RECORDS; ++i) {
            if (_pick(4) == 0) continue;
            contents[i] = "{}";
            // The others are left at subject zero: Invalid.
            withContent[i] = records[i];
        }
        vm.recordLogs();
        vm.prank(WRITER);
        AttackSignatureRegistry(address(signatures.fast)).applyBatchWithContent(records, contents);
        bytes memory actual = _outcomes(signatures.fast, WRITER);
        bytes memory expected = signatures.plain.applyBatch(withContent);
        _same("outcomes", uint256(keccak256(expected)), uint256(keccak256(actual)));
        _compareStates(signatures, records);
    }

    /// All low bytes, all severities, each bit above, with each kind of expiry: a table that is read at the wrong place
    /// shows here. No more records than that: the runner keeps a trace of each when a test fails.
    function _compareAllFlags(Pair memory pair) private {
        uint256[4] memory expiries = [0, NOW + 1, NOW + 366 days, NOW + 366 days + 1];
        for (uint256 e = 0; e < expiries.length; ++e) {
            SubjectRegistry.Record[] memory records = new SubjectRegistry.Record[](256 + 256 + 32);
            for (uint256 i = 0; i < records.length; ++i) {
                uint256 flags = i < 256 ? i : i < 512 ? 5 | (i - 256) << 8 : 5 | 1 << 16 + (i - 512);
                uint256 word = Words.pack(Words.versionAt(NOW, 1), i, expiries[e], NOW, flags);
                records[i] = SubjectRegistry.Record(keccak256(abi.encode(e, i)), word);
            }
            _compare(pair, records);
        }
    }

    function _compareRandomBatches(Pair memory pair, uint256 seed) private {
        random = seed;
        for (uint256 batch = 0; batch < BATCHES; ++batch) {
            _compare(pair, _randomBatch(pair.plain));
            clock += _pick(3) * _pick(60);
        }
    }

    function _compare(Pair memory pair, SubjectRegistry.Record[] memory records) private {
        vm.warp(clock);
        bytes memory actual = _sendAs(WRITER, pair.fast, records);
        vm.prank(WRITER);
        bytes memory expected = pair.plain.applyBatch(records);
        for (uint256 i = 0; i < records.length; ++i) {
            if (expected[i] != actual[i]) revert Differs("outcome", uint8(expected[i]), uint8(actual[i]));
            ++reached[uint8(expected[i])];
        }
        _same("head", uint256(pair.plain.head(WRITER)), uint256(pair.fast.head(WRITER)));
        _compareStates(pair, records);
    }

    function _compareStates(Pair memory pair, SubjectRegistry.Record[] memory records) private view {
        bytes32[] memory subjects = new bytes32[](records.length);
        for (uint256 i = 0; i < records.length; ++i) {
            subjects[i] = records[i].subject;
        }
        uint256[] memory expected = pair.plain.states(subjects);
        uint256[] memory actual = pair.fast.states(subjects);
        for (uint256 i = 0; i < subjects.length; ++i) {
            if (expected[i] != actual[i]) revert Differs("state", expected[i], actual[i]);
        }
        _same("active count", pair.plain.activeCount(), pair.fast.activeCount());
    }

    function _randomBatch(ReferenceRegistry plain) private returns (SubjectRegistry.Record[] memory records) {
        records = new SubjectRegistry.Record[](RECORDS);
        for (uint256 i = 0; i < RECORDS; ++i) {
            bytes32 subject = bytes32(_pick(25) == 0 ? 0 : 1 + _pick(SUBJECTS));
            records[i] = SubjectRegistry.Record(subject, _randomWord(plain.words(subject)));
        }
    }

    /// Mostly words that are in order, on both sides of each edge; now and then one bit off, or what is stored again.
    function _randomWord(uint256 stored) private returns (uint256 word) {
        uint256 kind = _pick(12);
        if (kind == 0) return stored;
        // The expiry of what is stored, on time or not; its own expiry and time do not matter.
        if (kind <= 2) word = (stored >> 128) << 128 | (_pick(2) * clock) << 88 | 8;
        else word = Words.pack(_randomVersion(), _pick(2) << 63 | _pick(2), _randomExpiry(kind), NOW, _randomFlags(kind));
        if (_pick(20) == 0) word ^= 1 << _pick(256);
    }

    function _randomVersion() private returns (uint256) {
        uint256 kind = _pick(16);
        if (kind == 0) return 0;
        // One millisecond before, at and after the limit.
        if (kind == 1) return Words.versionAt(clock + 300, 0) + _pick(3) * (1 << 22) - (1 << 22);
        if (kind == 2) return Words.versionAt(NOW, 0) + 1;
        return Words.versionAt(clock - 10, _pick(12));
    }

    function _randomFlags(uint256 kind) private returns (uint256) {
        if (kind <= 6) return 5;
        if (kind == 7) return 7;
        if (kind == 8) return 4;
        if (kind == 9) return 8;
        return 5 | _pick(12) << 8;
    }

    function _randomExpiry(uint256 kind) private returns (uint256) {
        if (kind > 6) return _pick(20) == 0 ? clock : 0;
        uint256 edge = _pick(12);
        if (edge == 0) return 0;
        if (edge == 1) return NOW + 366 days + _pick(2);
        // The same second, the next, and some more.
        return edge < 5 ? clock - 1 + _pick(3) : clock + _pick(120);
    }

    function _pick(uint256 below) private returns (uint256) {
        random = uint256(keccak256(abi.encode(random)));
        return random % below;
    }
}
