// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {PatientRegistry} from "../src/PatientRegistry.sol";
import {NotKept, SubjectNotFound, SubjectRegistry} from "../src/SubjectRegistry.sol";
import {RegistryTest} from "./support/RegistryTest.sol";
import {vm} from "./support/Vm.sol";
import {Words} from "./support/Words.sol";

contract PatientRegistryTest is RegistryTest {
    PatientRegistry private registry;
    uint256 private v1 = Words.versionAt(NOW, 1);
    uint256 private v2 = Words.versionAt(NOW, 2);

    function setUp() public {
        registry = new PatientRegistry(ADMIN);
        _open(registry);
    }

    function test_patientIsRegisteredThenDeactivated() public {
        _expect(registry, SUBJECT, _word(v1, Words.REGISTERED), SubjectRegistry.Outcome.Applied);
        _true("registered", registry.isPatientRegistered(SUBJECT));
        _same("active count", 1, registry.activeCount());

        _expect(registry, SUBJECT, _word(v2, Words.INACTIVE), SubjectRegistry.Outcome.Applied);
        _false("registered", registry.isPatientRegistered(SUBJECT));
        _true("exists", registry.patientExists(SUBJECT));
        _same("active count", 0, registry.activeCount());
    }

    function test_registrationThatArrivesAfterItsDeactivationHasNoEffect() public {
        _expect(registry, SUBJECT, _word(v2, Words.INACTIVE), SubjectRegistry.Outcome.Applied);
        _expectUnchanged(registry, SUBJECT, _word(v1, Words.REGISTERED), SubjectRegistry.Outcome.Superseded);
    }

    function test_patientTellsWhatIsStored() public {
        _send(registry, SUBJECT, _word(v1, Words.REGISTERED));
        PatientRegistry.Patient memory patient = registry.getPatient(SUBJECT);
        _same("subject", uint256(SUBJECT), uint256(patient.patientIdHash));
        _same("time", NOW, patient.registrationTime);
        _true("active", patient.isActive);
    }

    function test_unknownPatientIsNotFound() public {
        _false("exists", registry.patientExists(SUBJECT));
        vm.expectRevert(abi.encodeWithSelector(SubjectNotFound.selector, SUBJECT));
        registry.getPatient(SUBJECT);
    }

    function test_onlyRegisterAndDeactivateAreValid() public {
        for (uint256 bit = 3; bit < 48; ++bit) {
            uint256 flags = Words.REGISTERED | (1 << bit);
            _expectUnchanged(registry, SUBJECT, _word(v1, flags), SubjectRegistry.Outcome.Invalid);
        }
        uint256[4] memory others = [uint256(1), 2, 6, 7];
        for (uint256 i = 0; i < others.length; ++i) {
            _expectUnchanged(registry, SUBJECT, _word(v1, others[i]), SubjectRegistry.Outcome.Invalid);
        }
        uint256 expiry = Words.pack(v1, 7, NOW + 60, NOW, Words.REGISTERED);
        _expectUnchanged(registry, SUBJECT, expiry, SubjectRegistry.Outcome.Invalid);
        _expectUnchanged(registry, SUBJECT, _word(v1, Words.EXPIRY), SubjectRegistry.Outcome.Invalid);
        _expectUnchanged(registry, SUBJECT, _word(v1, 0), SubjectRegistry.Outcome.Invalid);
    }

    function test_readsThatOneWordCannotAnswerRevert() public {
        _send(registry, SUBJECT, _word(v1, Words.REGISTERED));
        bytes memory notKept = abi.encodeWithSelector(NotKept.selector);
        vm.expectRevert(notKept);
        registry.registeredBy(SUBJECT);
        vm.expectRevert(notKept);
        registry.patients(SUBJECT);
    }

    function _word(uint256 version, uint256 flags) private pure returns (uint256) {
        return Words.pack(version, 7, 0, NOW, flags);
    }
}
