// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SubjectRegistry} from "../../src/SubjectRegistry.sol";
import {Word} from "../../src/Word.sol";
import {ReferenceBlocks} from "./ReferenceRegistry.sol";

/// Rules that look right and are not. The exhaustive model must find each of them, or it would find nothing.

/// @notice An expiry clears the slot, for the refund. Then a late copy of the block brings it back.
contract ClearsOnExpiry is ReferenceBlocks {
    function _decideExpiry(uint256 stored, uint256 word)
        internal
        view
        override
        returns (SubjectRegistry.Outcome outcome, uint256 next)
    {
        (outcome, next) = super._decideExpiry(stored, word);
        if (outcome == SubjectRegistry.Outcome.Applied) next = 0;
    }
}

/// @notice A block that is over on arrival is skipped as a bad record. Then it does not supersede what is older.
contract SkipsExpired is ReferenceBlocks {
    function _decideWrite(uint256 stored, uint256 word)
        internal
        view
        override
        returns (SubjectRegistry.Outcome outcome, uint256 next)
    {
        (outcome, next) = super._decideWrite(stored, word);
        if (outcome == SubjectRegistry.Outcome.Expired) next = stored;
    }
}

/// @notice Only what is blocked can be unblocked, as in CareGrid's first contract. Then a block that arrives after its
/// unblock stands.
contract RefusesUnknownUnblock is ReferenceBlocks {
    function _decideWrite(uint256 stored, uint256 word)
        internal
        view
        override
        returns (SubjectRegistry.Outcome outcome, uint256 next)
    {
        (outcome, next) = super._decideWrite(stored, word);
        if (stored == 0 && word & Word.ACTIVE == 0) next = stored;
    }
}

/// @notice An automatic block replaces a manual one.
contract KeepsNothing is ReferenceBlocks {
    function _decideWrite(uint256 stored, uint256 word)
        internal
        view
        override
        returns (SubjectRegistry.Outcome outcome, uint256 next)
    {
        (outcome, next) = super._decideWrite(stored, word);
        if (outcome == SubjectRegistry.Outcome.Kept) (outcome, next) = (SubjectRegistry.Outcome.Applied, word);
    }
}
