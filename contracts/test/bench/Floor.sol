// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice The least that a batch can cost: takes the calldata of `applyBatch(Record[])` and stores each word under its
/// subject, with no rule, no role, no count and no event. Only for measuring.
contract Floor {
    mapping(bytes32 subject => uint256 word) private _words;

    /// @dev Selector 4 bytes, offset 32, length 32; then the records.
    uint256 private constant RECORDS_AT = 68;

    fallback() external {
        assembly ("memory-safe") {
            mstore(0x20, _words.slot)
            let end := calldatasize()
            for { let record := RECORDS_AT } iszero(eq(record, end)) { record := add(record, 64) } {
                mstore(0, calldataload(record))
                sstore(keccak256(0, 0x40), calldataload(add(record, 32)))
            }
        }
    }
}
