// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice The state of one subject in one storage word. The word in the calldata is the word in storage, so that a
/// rebuild and a comparison with the off-chain log are comparisons for equality.
///
/// | bits     | field   | meaning                                                                        |
/// |----------|---------|--------------------------------------------------------------------------------|
/// | 255..192 | version | position of the operation in its branch's log: ms since 2024 << 22, rest a counter |
/// | 191..128 | tag     | tells two operations apart that claim the same version                          |
/// | 127..88  | expiry  | unix seconds from which an automatic block is over; 0 otherwise                 |
/// | 87..48   | time    | unix seconds when the operation was made                                        |
/// | 47..0    | flags   | ACTIVE, MANUAL, EXISTS, EXPIRE; bits 8..15 the severity of an attack signature  |
library Word {
    /// The patient is registered, the block stands, the signature counts.
    uint256 internal constant ACTIVE = 1;
    /// The block was made by a person: it never expires.
    uint256 internal constant MANUAL = 2;
    /// In every stored word, so that no stored word is ever zero.
    uint256 internal constant EXISTS = 4;
    /// Only in calldata: "end the block that has this version", never stored.
    uint256 internal constant EXPIRE = 8;

    uint256 internal constant MASK_40 = 0xffffffffff;
    uint256 internal constant MASK_48 = 0xffffffffffff;

    function version(uint256 word) internal pure returns (uint256) {
        return word >> 192;
    }

    function expiry(uint256 word) internal pure returns (uint256) {
        return (word >> 88) & MASK_40;
    }

    function time(uint256 word) internal pure returns (uint256) {
        return (word >> 48) & MASK_40;
    }

    function flags(uint256 word) internal pure returns (uint256) {
        return word & MASK_48;
    }

    function severity(uint256 word) internal pure returns (uint256) {
        return (word >> 8) & 0xff;
    }

    function isActive(uint256 word) internal pure returns (bool) {
        return word & ACTIVE != 0;
    }

    function isManual(uint256 word) internal pure returns (bool) {
        return word & MANUAL != 0;
    }

    /// Same version and same tag: the same operation.
    function isSameOperation(uint256 a, uint256 b) internal pure returns (bool) {
        return (a ^ b) >> 128 == 0;
    }
}
