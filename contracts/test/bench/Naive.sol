// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice Blocks as CareGrid's first contract keeps them: a call an operation, a struct, a flag and a list entry a
/// block, and a clean-up that walks the whole list. Only for measuring.
contract NaiveBlocks {
    struct Entry {
        bytes32 ipHash;
        uint256 blockTime;
        uint256 expiryTime;
        string reason;
        address blockedBy;
        bool isManual;
    }

    mapping(bytes32 => Entry) public entries;
    mapping(bytes32 => bool) public isBlocked;
    bytes32[] public list;

    event IPBlocked(bytes32 indexed ipHash, uint256 blockTime, uint256 expiryTime, string reason, bool isManual);
    event IPUnblocked(bytes32 indexed ipHash, uint256 timestamp);

    function blockIP(bytes32 ipHash, uint256 duration, string memory reason, bool manual) external {
        require(ipHash != bytes32(0), "Invalid IP hash");
        require(!isBlocked[ipHash], "IP already blocked");
        uint256 expiryTime = manual ? 0 : block.timestamp + duration;
        entries[ipHash] = Entry(ipHash, block.timestamp, expiryTime, reason, msg.sender, manual);
        isBlocked[ipHash] = true;
        list.push(ipHash);
        emit IPBlocked(ipHash, block.timestamp, expiryTime, reason, manual);
    }

    function unblockIP(bytes32 ipHash) external {
        require(isBlocked[ipHash], "IP not blocked");
        isBlocked[ipHash] = false;
        emit IPUnblocked(ipHash, block.timestamp);
    }

    function cleanupExpiredBlocks() external {
        for (uint256 i = 0; i < list.length; i++) {
            bytes32 ipHash = list[i];
            if (!isBlocked[ipHash]) continue;
            Entry memory entry = entries[ipHash];
            if (!entry.isManual && entry.expiryTime > 0 && block.timestamp >= entry.expiryTime) {
                isBlocked[ipHash] = false;
                emit IPUnblocked(ipHash, block.timestamp);
            }
        }
    }
}

/// @notice Attack signatures likewise.
contract NaiveSignatures {
    struct Entry {
        bytes32 signatureHash;
        string pattern;
        uint256 detectedTime;
        address reportedBy;
        uint256 severity;
    }

    mapping(bytes32 => Entry) public entries;
    mapping(bytes32 => bool) public exists;
    bytes32[] public list;

    event AttackSignatureAdded(bytes32 indexed signatureHash, uint256 severity, uint256 timestamp, address reportedBy);

    function addSignature(string memory pattern, uint256 severity) external {
        require(bytes(pattern).length > 0, "Pattern cannot be empty");
        require(severity >= 1 && severity <= 10, "Severity must be between 1 and 10");
        bytes32 signatureHash = keccak256(abi.encodePacked(pattern, block.timestamp, msg.sender));
        require(!exists[signatureHash], "Signature already exists");
        entries[signatureHash] = Entry(signatureHash, pattern, block.timestamp, msg.sender, severity);
        exists[signatureHash] = true;
        list.push(signatureHash);
        emit AttackSignatureAdded(signatureHash, severity, block.timestamp, msg.sender);
    }
}
