// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// The rules once more, in another form: fields instead of bits, and each outcome by its own condition instead of by
/// the order of the checks. {check} fails if more than one condition holds for a record, or none.
library Model {
    enum Kind {
        Automatic,
        Manual,
        Unblock,
        Expiry,
        Broken
    }

    struct Operation {
        Kind kind;
        bytes32 subject;
        uint256 version;
        uint256 tag;
        uint256 expiry;
        uint256 time;
    }

    struct State {
        bool seen;
        bool active;
        bool manual;
        uint256 version;
        uint256 tag;
        uint256 expiry;
        uint256 time;
    }

    function conditions(State memory s, Operation memory o, uint256 nowSeconds) internal pure returns (bool[10] memory c) {
        bool automatic = o.kind == Kind.Automatic;
        bool expiry = o.kind == Kind.Expiry;
        bool ok = o.kind != Kind.Broken && o.subject != 0 && o.version != 0
            && (!automatic || (o.expiry != 0 && o.expiry <= o.time + 31_622_400));
        bool older = o.version < s.version;
        bool newer = o.version > s.version;
        bool same = o.version == s.version && o.tag == s.tag;
        bool future = (o.version >> 22) + 1_704_067_200_000 > (nowSeconds + 300) * 1000;
        bool overManual = automatic && s.active && s.manual;
        bool over = automatic && o.expiry <= nowSeconds;
        bool ends = ok && expiry && same && s.active;
        bool writes = ok && !expiry && newer && !future;
        c[0] = !ok;
        c[1] = (writes && !overManual && !over) || (ends && !s.manual && s.expiry <= nowSeconds);
        c[2] = ok && same && !(expiry && s.active);
        c[3] = ok && older;
        c[4] = ok && o.version == s.version && o.tag != s.tag;
        c[5] = writes && over && !overManual;
        c[6] = ends && !s.manual && s.expiry > nowSeconds;
        c[7] = (writes && overManual) || (ends && s.manual);
        c[8] = ok && expiry && newer;
        c[9] = ok && !expiry && newer && future;
    }

    error NotExactlyOne(uint256 holding);

    function check(State memory s, Operation memory o, uint256 nowSeconds) internal pure returns (uint8 outcome) {
        bool[10] memory c = conditions(s, o, nowSeconds);
        uint256 holding;
        for (uint8 i = 0; i < 10; ++i) {
            if (c[i]) (outcome, holding) = (i, holding + 1);
        }
        if (holding != 1) revert NotExactlyOne(holding);
    }

    function next(State memory s, Operation memory o, uint8 outcome) internal pure returns (State memory) {
        if (outcome == 5) return State(true, false, false, o.version, o.tag, o.expiry, o.time);
        if (outcome != 1) return s;
        if (o.kind == Kind.Expiry) {
            return State(true, false, s.manual, s.version, s.tag, s.expiry, s.time);
        }
        bool manual = o.kind == Kind.Manual;
        bool active = manual || o.kind == Kind.Automatic;
        return State(true, active, manual, o.version, o.tag, o.expiry, o.time);
    }
}
