// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice Bytes kept as the code of an account: 200 gas a byte instead of 691 in storage words, and never changeable.
/// The code begins with a STOP, so that calling it does nothing.
library Blob {
    /// @notice The account could not be created.
    error BlobNotStored();

    /// @dev 10 bytes of init code, which return all that follows them; then the STOP, then the data.
    /// `61 size  80  60 0a  3d  39  3d  f3`: push2 size, dup1, push1 10, returndatasize (0), codecopy, returndatasize, return.
    bytes8 private constant INIT_AFTER_SIZE = 0x80600a3d393df300;

    /// @param data At most 24,575 bytes (a contract's code limit less the STOP)
    function store(bytes memory data) internal returns (address blob) {
        bytes memory init = abi.encodePacked(bytes1(0x61), uint16(data.length + 1), INIT_AFTER_SIZE, data);
        assembly ("memory-safe") {
            blob := create(0, add(init, 32), mload(init))
        }
        if (blob == address(0)) revert BlobNotStored();
    }

    /// @return data What was stored, without the STOP
    function load(address blob) internal view returns (bytes memory data) {
        uint256 size = blob.code.length - 1;
        data = new bytes(size);
        assembly ("memory-safe") {
            extcodecopy(blob, add(data, 32), 1, size)
        }
    }
}
