// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

interface Blocks {
    function isIPBlocked(bytes32 ipHash) external view returns (bool);
}

/// @notice Asks for many subjects in one call. Only for tests.
contract ManyReads {
    /// @return timestamp The time at which the answers hold, unix seconds
    /// @return answers One byte a subject, 1 for blocked
    function areBlocked(Blocks registry, bytes32[] calldata subjects)
        external
        view
        returns (uint256 timestamp, bytes memory answers)
    {
        answers = new bytes(subjects.length);
        for (uint256 i = 0; i < subjects.length; ++i) {
            if (registry.isIPBlocked(subjects[i])) answers[i] = 0x01;
        }
        return (block.timestamp, answers);
    }
}
