// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice Which words a register takes, whatever is stored and whenever it is. All others are Invalid.
/// @param flags For each value f of the flags below 64, bits 4f to 4f+2 say with which expiries it may stand: a set of
/// {Rules.TIMED}, {Rules.UNTIMED} and {Rules.OVERLONG}
/// @param maxSeverity If above 0: EXISTS|ACTIVE with a severity of 1 to this and no expiry may stand too
struct Format {
    uint256 flags;
    uint256 maxSeverity;
}

/// @title What becomes of each record of a batch, in the form that costs least
/// @notice `contracts/test/reference/ReferenceRegistry.sol` says the same in plain Solidity, with the reason for each rule
/// and its place; fuzz tests hold the two against each other. Change that one first, then this one.
/// @dev Beside a blind store of the same calldata, a record costs 400 gas here and 1,300 in plain Solidity: one loop
/// without calls, whether a word is taken by one look into a table, and all rare answers behind one jump.
library Rules {
    /// @dev With an expiry, at most MAX_EXPIRY_SECONDS after the word's own time.
    uint256 internal constant TIMED = 1;
    /// @dev Without an expiry.
    uint256 internal constant UNTIMED = 2;
    /// @dev With an expiry further away than that.
    uint256 internal constant OVERLONG = 4;

    uint256 internal constant MAX_EXPIRY_SECONDS = 31_622_400; // 366 days
    uint256 internal constant MAX_AHEAD_SECONDS = 300;

    /// @dev Versions count milliseconds from 2024-01-01T00:00:00Z, in the upper 42 bits of the word.
    uint256 private constant VERSION_EPOCH_MS = 1_704_067_200_000;
    uint256 private constant VERSION_MS_SHIFT = 214;

    // Assembly sees no constants of other libraries: these are those of {Word} and {SubjectRegistry-Outcome}.
    uint256 private constant ACTIVE = 1;
    uint256 private constant MANUAL = 2;
    uint256 private constant EXISTS_ACTIVE = 5;
    uint256 private constant EXPIRE = 8;
    uint256 private constant EXPIRE_SHIFT = 3;
    uint256 private constant EXPIRY_SHIFT = 88;
    uint256 private constant TIME_SHIFT = 48;
    uint256 private constant MASK_40 = 0xffffffffff;
    /// @dev All 48 bits of the flags, times 4: the entry in {Format-flags}.
    uint256 private constant FLAGS_ENTRY = 0x3fffffffffffc;

    uint256 private constant APPLIED = 1;
    uint256 private constant SUPERSEDED = 3;
    uint256 private constant EXPIRED = 5;
    uint256 private constant NOT_DUE = 6;
    uint256 private constant KEPT = 7;
    uint256 private constant MISSING = 8;
    uint256 private constant FUTURE = 9;

    /// @dev The smallest word with a version, and the smallest with a tag. Two words have the same version, or version
    /// and tag, if their difference is below it.
    uint256 private constant VERSION_UNIT = 1 << 192;
    uint256 private constant TAG_UNIT = 1 << 128;
    /// @dev A word is above (another | this) if its version is above the other's.
    uint256 private constant BELOW_VERSION = 0xffffffffffffffffffffffffffffffffffffffffffffffff;

    /// @notice Decides and writes each record in its order.
    /// @param words What is stored
    /// @param format Which words the register takes
    /// @param record Where the first record lies in the calldata
    /// @param end Where the last one ends
    /// @param outcomes Where the first outcome goes in memory; as many bytes as there are records, all 0 (Invalid) before
    /// @return change By how much the number of active subjects changed; two's complement
    function applyRecords(
        mapping(bytes32 subject => uint256 word) storage words,
        Format memory format,
        uint256 record,
        uint256 end,
        uint256 outcomes
    ) internal returns (uint256 change) {
        (uint256 flags, uint256 maxSeverity) = (format.flags, format.maxSeverity);
        int256 newestMs;
        unchecked {
            // Signed: on a chain whose clock is before 2024 every version is from the future.
            newestMs = int256((block.timestamp + MAX_AHEAD_SECONDS) * 1000 - VERSION_EPOCH_MS);
        }
        // Memory-safe: writes the scratch space and the outcomes, which the caller has allocated.
        assembly ("memory-safe") {
            // Scratch space: subject and slot of the mapping, whose hash is the subject's slot. The latter stays.
            mstore(0x20, words.slot)
            for {} iszero(eq(record, end)) {
                record := add(record, 64)
                outcomes := add(outcomes, 1)
            } {
                let word := calldataload(add(record, 32))
                let expiry := and(shr(EXPIRY_SHIFT, word), MASK_40)

                // Invalid, whatever is stored. The table is read at the flags' entry and, in it, at the bit for this expiry:
                // 0 TIMED, 1 UNTIMED, 2 OVERLONG. Flags above 63 shift everything out.
                if iszero(
                    and(
                        gt(word, BELOW_VERSION),
                        shr(
                            or(
                                and(shl(2, word), FLAGS_ENTRY),
                                or(
                                    shl(1, gt(expiry, add(and(shr(TIME_SHIFT, word), MASK_40), MAX_EXPIRY_SECONDS))),
                                    iszero(expiry)
                                )
                            ),
                            flags
                        )
                    )
                ) {
                    let severity := and(shr(8, word), MASK_40)
                    let rated := and(eq(byte(31, word), EXISTS_ACTIVE), lt(sub(severity, 1), maxSeverity))
                    if iszero(and(and(gt(word, BELOW_VERSION), iszero(expiry)), rated)) { continue }
                }

                mstore(0, calldataload(record))
                let slot := keccak256(0, 0x40)
                let stored := sload(slot)

                // Newer than what is stored.
                if gt(word, or(stored, BELOW_VERSION)) {
                    let outcome := APPLIED
                    // Has an expiry, which is not after now: 0 - 1 is after everything.
                    let over := lt(sub(expiry, 1), timestamp())
                    let ahead := sgt(shr(VERSION_MS_SHIFT, word), newestMs)
                    // What an ordinary block, unblock or registration has none of.
                    if or(or(iszero(mload(0)), and(word, EXPIRE)), or(or(ahead, and(stored, MANUAL)), over)) {
                        // No subject: Invalid. Nothing is stored under it, so that it is seen here, where it is cheap.
                        if iszero(mload(0)) { continue }
                        if and(word, EXPIRE) {
                            mstore8(outcomes, MISSING)
                            continue
                        }
                        if ahead {
                            mstore8(outcomes, FUTURE)
                            continue
                        }
                        // Only an automatic block has an expiry. What is MANUAL in storage is active.
                        if expiry {
                            if and(stored, MANUAL) {
                                mstore8(outcomes, KEPT)
                                continue
                            }
                            if over {
                                outcome := EXPIRED
                                word := and(word, not(ACTIVE))
                            }
                        }
                    }
                    sstore(slot, word)
                    change := add(change, sub(and(word, ACTIVE), and(stored, ACTIVE)))
                    mstore8(outcomes, outcome)
                    continue
                }

                let difference := xor(word, stored)
                let same := lt(difference, TAG_UNIT)
                // The expiry of the block that is stored, and still active.
                if and(and(same, shr(EXPIRE_SHIFT, word)), stored) {
                    if and(stored, MANUAL) {
                        mstore8(outcomes, KEPT)
                        continue
                    }
                    if gt(and(shr(EXPIRY_SHIFT, stored), MASK_40), timestamp()) {
                        mstore8(outcomes, NOT_DUE)
                        continue
                    }
                    sstore(slot, and(stored, not(ACTIVE)))
                    change := sub(change, 1)
                    mstore8(outcomes, APPLIED)
                    continue
                }
                // Same version: one more, Conflict (4). Same tag too: two less, AlreadyApplied (2).
                mstore8(outcomes, sub(add(SUPERSEDED, lt(difference, VERSION_UNIT)), shl(1, same)))
            }
        }
    }
}
