// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {BlockedIPRegistry} from "../src/BlockedIPRegistry.sol";
import {SubjectRegistry} from "../src/SubjectRegistry.sol";
import {RegistryTest} from "./support/RegistryTest.sol";
import {vm} from "./support/Vm.sol";
import {Words} from "./support/Words.sol";

/// Sends blocks, unblocks and expiries in any order, also again, while the clock goes on. After each record it looks
/// at the step from the old state to the new one, which no later state can tell.
contract BlockTraffic is RegistryTest {
    uint256 public constant SUBJECTS = 4;
    BlockedIPRegistry public immutable registry;
    bytes32 public expectedHead;
    uint256 public clock = NOW;

    SubjectRegistry.Record[] private sent;
    mapping(bytes32 subject => mapping(uint256 version => bool)) private ended;
    /// By version and tag, and whether it is an expiry.
    mapping(bytes32 subject => mapping(uint256 operation => bool)) private done;

    constructor(BlockedIPRegistry registry_) {
        registry = registry_;
        _open(registry_);
    }

    function blockAutomatically(uint256 subject, uint256 version, uint256 tag, uint256 seconds_) external {
        _act(subject, Words.pack(_version(version), tag % 2, clock + seconds_ % 600, clock, Words.AUTOMATIC));
    }

    function blockByHand(uint256 subject, uint256 version, uint256 tag) external {
        _act(subject, Words.pack(_version(version), tag % 2, 0, clock, Words.BY_HAND));
    }

    function unblock(uint256 subject, uint256 version, uint256 tag) external {
        _act(subject, Words.pack(_version(version), tag % 2, 0, clock, Words.INACTIVE));
    }

    function expire(uint256 subject) external {
        uint256 stored = _state(registry, _subject(subject));
        if (stored != 0) _act(subject, Words.pack(stored >> 192, uint64(stored >> 128), 0, 0, Words.EXPIRY));
    }

    function sendAgain(uint256 which) external {
        if (sent.length == 0) return;
        SubjectRegistry.Record memory record = sent[which % sent.length];
        _step(record.subject, record.word);
    }

    /// The admin, or an account without any role.
    function sendWithoutTheRole(uint256 subject, uint256 version, uint256 who) external {
        uint256 word = Words.pack(_version(version), 0, 0, clock, Words.INACTIVE);
        address sender = who % 2 == 0 ? ADMIN : address(uint160(who | 1 << 159));
        _sendInVain("only a writer writes", sender, _subject(subject), word);
    }

    function sendWhilePaused(uint256 subject, uint256 version) external {
        vm.prank(ADMIN);
        registry.pause();
        uint256 word = Words.pack(_version(version), 0, 0, clock, Words.INACTIVE);
        _sendInVain("nobody writes while it is paused", WRITER, _subject(subject), word);
        vm.prank(ADMIN);
        registry.unpause();
    }

    function wait(uint256 seconds_) external {
        clock += seconds_ % 300;
        vm.warp(clock);
    }

    function _act(uint256 subject, uint256 word) private {
        sent.push(SubjectRegistry.Record(_subject(subject), word));
        _step(_subject(subject), word);
    }

    /// And the words can be read all the while.
    function _sendInVain(string memory what, address sender, bytes32 subject, uint256 word) private {
        vm.warp(clock);
        uint256 before = _state(registry, subject);
        vm.prank(sender);
        (bool sentIt,) = address(registry).call(abi.encodeCall(registry.applyBatch, (_record(subject, word))));
        _false(what, sentIt);
        _same(what, before, _state(registry, subject));
    }

    function _step(bytes32 subject, uint256 word) private {
        vm.warp(clock);
        uint256 before = _state(registry, subject);
        SubjectRegistry.Outcome outcome = _send(registry, subject, word);
        uint256 afterwards = _state(registry, subject);
        expectedHead = keccak256(abi.encodePacked(expectedHead, keccak256(abi.encodePacked(subject, word))));

        _true("versions never go back", afterwards >> 192 >= before >> 192);
        bool writes = outcome == SubjectRegistry.Outcome.Applied || outcome == SubjectRegistry.Outcome.Expired;
        _same("only Applied and Expired write", writes ? 1 : 0, before == afterwards ? 0 : 1);
        if (writes) {
            uint256 operation = word >> 128 << 1 | (word >> 3 & 1);
            _false("an operation has one effect", done[subject][operation]);
            done[subject][operation] = true;
            uint256 versionSeconds = (word >> 214) / 1000 + Words.EPOCH;
            _true("a version far ahead is refused", versionSeconds <= clock + 300);
        }
        if (before & 3 == 3 && before != afterwards) {
            _true("a manual block ends by hand only", word & 15 == Words.BY_HAND || word & 15 == Words.INACTIVE);
        }
        if (afterwards & 1 == 0) ended[subject][afterwards >> 192] = true;
        else _false("what has ended never comes back", ended[subject][afterwards >> 192]);
    }

    function _subject(uint256 subject) private pure returns (bytes32) {
        return bytes32(1 + subject % SUBJECTS);
    }

    /// Mostly from the near past, so that versions meet; some ahead of the chain's clock.
    function _version(uint256 version) private view returns (uint256) {
        return Words.versionAt(clock - 60 + (version % 16) * 30, version % 2);
    }
}

contract BlockInvariantsTest is RegistryTest {
    BlockedIPRegistry private registry;
    BlockTraffic private traffic;

    function setUp() public {
        registry = new BlockedIPRegistry(ADMIN);
        traffic = new BlockTraffic(registry);
    }

    /// Where the runner sends its calls.
    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(traffic);
    }

    function invariant_activeCountIsThatOfTheStates() public view {
        uint256 active;
        for (uint256 i = 1; i <= traffic.SUBJECTS(); ++i) {
            active += _state(registry, bytes32(i)) & 1;
        }
        _same("active count", active, registry.activeCount());
    }

    function invariant_storedWordsAreWellFormed() public view {
        for (uint256 i = 1; i <= traffic.SUBJECTS(); ++i) {
            uint256 word = _state(registry, bytes32(i));
            if (word == 0) continue;
            _same("EXISTS without EXPIRE or unknown flags", 4, uint48(word) & ~uint256(3));
            bool manual = word & 2 != 0;
            _true("a manual block is active and has no expiry", !manual || (word & 1 == 1 && uint40(word >> 88) == 0));
        }
    }

    function invariant_blockedMeansActiveAndNotOver() public {
        vm.warp(traffic.clock());
        for (uint256 i = 1; i <= traffic.SUBJECTS(); ++i) {
            uint256 word = _state(registry, bytes32(i));
            bool over = word & 2 == 0 && uint40(word >> 88) <= traffic.clock();
            _same("blocked", word & 1 == 1 && !over ? 1 : 0, registry.isIPBlocked(bytes32(i)) ? 1 : 0);
        }
    }

    function invariant_headIsThatOfAllBatches() public view {
        _same("head", uint256(traffic.expectedHead()), uint256(registry.head(WRITER)));
    }
}
