// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {AttackSignatureRegistry} from "../src/AttackSignatureRegistry.sol";
import {NotKept, SubjectNotFound, SubjectRegistry} from "../src/SubjectRegistry.sol";
import {RegistryTest} from "./support/RegistryTest.sol";
import {vm} from "./support/Vm.sol";
import {Words} from "./support/Words.sol";

contract AttackSignatureRegistryTest is RegistryTest {
    bytes private constant PATTERN = '{"type":"sql_injection","regex":"union.+select"}';
    AttackSignatureRegistry private registry;
    uint256 private v1 = Words.versionAt(NOW, 1);
    uint256 private v2 = Words.versionAt(NOW, 2);

    function setUp() public {
        registry = new AttackSignatureRegistry(ADMIN);
        _open(registry);
    }

    function test_signatureIsStoredWithItsSeverity() public {
        _expect(registry, SUBJECT, Words.signature(v1, 7, NOW, 9), SubjectRegistry.Outcome.Applied);
        _true("exists", registry.hasSignature(SUBJECT));
        _false("other exists", registry.hasSignature(OTHER));
        _same("severity", 9, registry.getSeverity(SUBJECT));
        _same("count", 1, registry.getSignatureCount());
    }

    function test_onlySeveritiesFrom1To10AreValid() public {
        for (uint256 severity = 0; severity < 256; ++severity) {
            SubjectRegistry.Outcome expected = severity >= 1 && severity <= 10
                ? SubjectRegistry.Outcome.Applied
                : SubjectRegistry.Outcome.Invalid;
            _expect(registry, bytes32(severity + 1), Words.signature(v1, 7, NOW, severity), expected);
        }
    }

    function test_otherFlagsAndExpiriesAreInvalid() public {
        uint256 good = Words.signature(v1, 7, NOW, 5);
        for (uint256 bit = 0; bit < 48; ++bit) {
            if (bit >= 8 && bit < 16) continue;
            _expectUnchanged(registry, SUBJECT, good ^ (1 << bit), SubjectRegistry.Outcome.Invalid);
        }
        _expectUnchanged(registry, SUBJECT, good | (NOW + 60) << 88, SubjectRegistry.Outcome.Invalid);
    }

    function test_contentIsReadBack() public {
        _same("outcome", 1, uint8(_sendWithContent(SUBJECT, Words.signature(v1, 7, NOW, 9), PATTERN)[0]));
        _sameBytes(PATTERN, registry.getSignatureContent(SUBJECT));
        AttackSignatureRegistry.AttackSignature memory signature = registry.getSignature(SUBJECT);
        _same("subject", uint256(SUBJECT), uint256(signature.signatureHash));
        _sameBytes(PATTERN, bytes(signature.pattern));
        _same("time", NOW, signature.detectedTime);
        _same("writer", uint160(WRITER), uint160(signature.reportedBy));
        _same("severity", 9, signature.severity);
    }

    function testFuzz_anyContentIsReadBack(bytes memory content) public {
        if (content.length == 0 || content.length > 8192) return;
        _sendWithContent(SUBJECT, Words.signature(v1, 7, NOW, 1), content);
        _sameBytes(content, registry.getSignatureContent(SUBJECT));
    }

    function test_longestContentIsStoredAndOneByteMoreIsInvalid() public {
        uint256 limit = registry.MAX_CONTENT_BYTES();
        uint256 word = Words.signature(v1, 7, NOW, 1);
        _same("too long", 0, uint8(_sendWithContent(SUBJECT, word, new bytes(limit + 1))[0]));
        _same("state", 0, _state(registry, SUBJECT));
        _same("longest", 1, uint8(_sendWithContent(SUBJECT, word, new bytes(limit))[0]));
        _same("length", limit, registry.getSignatureContent(SUBJECT).length);
    }

    function test_emptyContentIsInvalidBecauseItWouldMatchEveryRequest() public {
        _same("outcome", 0, uint8(_sendWithContent(SUBJECT, Words.signature(v1, 7, NOW, 1), "")[0]));
        _same("state", 0, _state(registry, SUBJECT));
    }

    function test_replayWithOtherContentChangesNothing() public {
        uint256 word = Words.signature(v1, 7, NOW, 9);
        _sendWithContent(SUBJECT, word, PATTERN);
        _same("replay", 2, uint8(_sendWithContent(SUBJECT, word, "{}")[0]));
        _same("conflict", 4, uint8(_sendWithContent(SUBJECT, Words.signature(v1, 8, NOW, 9), "{}")[0]));
        _sameBytes(PATTERN, registry.getSignatureContent(SUBJECT));
        _same("listed once", 1, registry.listedCount());
    }

    function test_newerContentReplacesTheOldAndIsListedOnce() public {
        _sendWithContent(SUBJECT, Words.signature(v1, 7, NOW, 9), PATTERN);
        _sendWithContent(SUBJECT, Words.signature(v2, 8, NOW, 3), '{"type":"xss"}');
        _sameBytes('{"type":"xss"}', registry.getSignatureContent(SUBJECT));
        _same("listed", 1, registry.listedCount());
        _same("count", 1, registry.getSignatureCount());
    }

    function test_newerVersionWithoutContentMakesTheOldContentVoid() public {
        _sendWithContent(SUBJECT, Words.signature(v1, 7, NOW, 9), PATTERN);
        _send(registry, SUBJECT, Words.signature(v2, 8, NOW, 3));
        vm.expectRevert(abi.encodeWithSelector(NotKept.selector));
        registry.getSignatureContent(SUBJECT);
    }

    function test_contentModeHasTheSameEventAndHead() public {
        AttackSignatureRegistry plain = new AttackSignatureRegistry(ADMIN);
        _open(plain);
        _send(plain, SUBJECT, Words.signature(v1, 7, NOW, 9));
        _sendWithContent(SUBJECT, Words.signature(v1, 7, NOW, 9), PATTERN);
        _same("head", uint256(plain.head(WRITER)), uint256(registry.head(WRITER)));
    }

    function test_contentModeNeedsAContentForEachRecord() public {
        SubjectRegistry.Record[] memory records = _record(SUBJECT, Words.signature(v1, 7, NOW, 9));
        vm.expectRevert(abi.encodeWithSelector(AttackSignatureRegistry.ContentsLengthMismatch.selector, 1, 2));
        vm.prank(WRITER);
        registry.applyBatchWithContent(records, new bytes[](2));
    }

    function test_contentModeNeedsTheRoleAndStopsWhilePaused() public {
        SubjectRegistry.Record[] memory records = _record(SUBJECT, Words.signature(v1, 7, NOW, 9));
        bytes[] memory contents = new bytes[](1);
        _expectMissingRole(ADMIN, registry.WRITER_ROLE());
        vm.prank(ADMIN);
        registry.applyBatchWithContent(records, contents);

        vm.prank(ADMIN);
        registry.pause();
        vm.expectRevert(abi.encodeWithSelector(Pausable.EnforcedPause.selector));
        vm.prank(WRITER);
        registry.applyBatchWithContent(records, contents);
    }

    function test_listIsReadInPages() public {
        for (uint256 i = 1; i <= 5; ++i) {
            _sendWithContent(bytes32(i), Words.signature(v1, 7, NOW, i * 2), PATTERN);
        }
        bytes32[] memory page = registry.listSignatures(3, 10);
        _same("last page", 2, page.length);
        _same("fourth", 4, uint256(page[0]));
        _same("fifth", 5, uint256(page[1]));
        _same("first page", 2, registry.listSignatures(0, 2).length);
        _same("past the end", 0, registry.listSignatures(5, 10).length);
        _same("far past the end", 0, registry.listSignatures(type(uint256).max, type(uint256).max).length);
        _same("all", 5, registry.getAllSignatures().length);
        bytes32[] memory severe = registry.getSignaturesBySeverity(8);
        _same("severe", 2, severe.length);
        _same("severity 8", 4, uint256(severe[0]));
    }

    function test_listRevertsInsteadOfLeavingOutWhatHasNoContent() public {
        _sendWithContent(SUBJECT, Words.signature(v1, 7, NOW, 9), PATTERN);
        _send(registry, OTHER, Words.signature(v1, 7, NOW, 9));
        bytes memory incomplete = abi.encodeWithSelector(AttackSignatureRegistry.ListIncomplete.selector, 1, 2);
        vm.expectRevert(incomplete);
        registry.getAllSignatures();
        vm.expectRevert(incomplete);
        registry.getSignaturesBySeverity(1);
    }

    function test_readsOfWhatIsNotThereRevert() public {
        vm.expectRevert(abi.encodeWithSelector(SubjectNotFound.selector, SUBJECT));
        registry.getSignature(SUBJECT);
        vm.expectRevert(abi.encodeWithSelector(SubjectNotFound.selector, SUBJECT));
        registry.getSeverity(SUBJECT);
        vm.expectRevert(abi.encodeWithSelector(AttackSignatureRegistry.InvalidSeverity.selector, 11));
        registry.getSignaturesBySeverity(11);
        _send(registry, SUBJECT, Words.signature(v1, 7, NOW, 9));
        vm.expectRevert(abi.encodeWithSelector(NotKept.selector));
        registry.getSignature(SUBJECT);
    }

    function _sendWithContent(bytes32 subject, uint256 word, bytes memory content) private returns (bytes memory) {
        bytes[] memory contents = new bytes[](1);
        contents[0] = content;
        vm.recordLogs();
        vm.prank(WRITER);
        registry.applyBatchWithContent(_record(subject, word), contents);
        return _outcomes(registry, WRITER);
    }

    function _sameBytes(bytes memory expected, bytes memory actual) private pure {
        _same("bytes", uint256(keccak256(expected)), uint256(keccak256(actual)));
    }
}
