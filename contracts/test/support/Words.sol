// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// Builds words by shifting, apart from the contracts' own constants, so that a wrong constant there is seen.
library Words {
    uint256 internal constant EPOCH = 1_704_067_200;

    uint256 internal constant REGISTERED = 5;
    uint256 internal constant INACTIVE = 4;
    uint256 internal constant AUTOMATIC = 5;
    uint256 internal constant BY_HAND = 7;
    uint256 internal constant EXPIRY = 8;

    /// A version as a branch makes it: its clock in unix seconds, and a counter.
    function versionAt(uint256 unixSeconds, uint256 counter) internal pure returns (uint256) {
        return ((unixSeconds - EPOCH) * 1000 << 22) | (counter << 10);
    }

    function pack(uint256 version, uint256 tag, uint256 expiry, uint256 time, uint256 flags)
        internal
        pure
        returns (uint256)
    {
        return version << 192 | tag << 128 | expiry << 88 | time << 48 | flags;
    }

    function signature(uint256 version, uint256 tag, uint256 time, uint256 severity) internal pure returns (uint256) {
        return pack(version, tag, 0, time, 5 | severity << 8);
    }
}
