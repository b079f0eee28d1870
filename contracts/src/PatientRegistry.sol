// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Format, Rules} from "./Rules.sol";
import {NotKept, SubjectNotFound, SubjectRegistry} from "./SubjectRegistry.sol";
import {Word} from "./Word.sol";

/// @title Which patients are registered in the network
/// @notice Words: register = EXISTS|ACTIVE, deactivate = EXISTS; no expiry.
contract PatientRegistry is SubjectRegistry {
    using Word for uint256;

    /// @param patientIdHash The subject
    /// @param registrationTime Unix seconds of the last operation: of the registration while active
    /// @param isActive Whether the patient is registered
    struct Patient {
        bytes32 patientIdHash;
        uint256 registrationTime;
        bool isActive;
    }

    uint256 private constant FLAGS =
        (Rules.UNTIMED << 4 * (Word.EXISTS | Word.ACTIVE)) | (Rules.UNTIMED << 4 * Word.EXISTS);

    /// @param admin See {SubjectRegistry}
    constructor(address admin) SubjectRegistry(admin) {}

    /// @notice True while the patient is registered and not deactivated.
    function isPatientRegistered(bytes32 patientIdHash) external view returns (bool) {
        return _word(patientIdHash).isActive();
    }

    /// @notice True if the patient was ever registered or deactivated.
    function patientExists(bytes32 patientIdHash) external view returns (bool) {
        return _word(patientIdHash) != 0;
    }

    /// @notice The patient's state. Reverts with SubjectNotFound if nothing was ever written.
    /// @dev One field shorter than CareGrid's first contract (`registeredBy` is not kept), so that a reader with the old
    /// ABI fails to decode instead of reading a false zero.
    function getPatient(bytes32 patientIdHash) external view returns (Patient memory) {
        uint256 word = _word(patientIdHash);
        if (word == 0) revert SubjectNotFound(patientIdHash);
        return Patient(patientIdHash, word.time(), word.isActive());
    }

    /// @notice Always reverts with NotKept: who registered a patient is in the batch's transaction, not in storage.
    function registeredBy(bytes32) external pure returns (address) {
        revert NotKept();
    }

    /// @notice Always reverts with NotKept: the old getter would have to answer `registeredBy`.
    function patients(bytes32) external pure returns (bytes32, uint256, address, bool) {
        revert NotKept();
    }

    function _format() internal pure override returns (Format memory) {
        return Format({flags: FLAGS, maxSeverity: 0});
    }
}
