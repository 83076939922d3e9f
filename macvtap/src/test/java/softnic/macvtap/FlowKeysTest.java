package softnic.macvtap;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import softnic.Edition;
import softnic.net.EthHeader;
import softnic.skb.SkBuff;

/** Packets of one flow have one hash, both ways; whatever names another flow gives another. */
class FlowKeysTest {

    private final TapBench bench = TapBench.of(Edition.V6_1);
    private SkBuff skb;

    @BeforeEach
    void aFrame() {
        fresh(100);
    }

    @AfterEach
    void allIsHome() {
        skb.kfree();
        bench.close();
    }

    private void fresh(int len) {
        if (skb != null) {
            skb.kfree();
        }
        skb = bench.pool.alloc(200);
        skb.put(len);
        for (int i = 0; i < 200 - 8; i++) {
            bench.memory.u8(skb.dataHpa() + i, 0x5A);
        }
    }

    private void be16(int at, int value) {
        bench.memory.be16(skb.dataHpa() + at, value);
    }

    private void be32(int at, int value) {
        bench.memory.be32(skb.dataHpa() + at, value);
    }

    private int ipv4(int protocol, int fragOff, int saddr, int daddr, int source, int dest) {
        be16(12, EthHeader.ETH_P_IP);
        be16(14, 0x4500);
        be16(20, fragOff);
        be16(22, 0x4000 | protocol);
        be32(26, saddr);
        be32(30, daddr);
        be16(34, source);
        be16(36, dest);
        return FlowKeys.hash(skb);
    }

    private int ipv6(int protocol, int addressByte, int source, int dest) {
        be16(12, EthHeader.ETH_P_IPV6);
        be32(14, 0x6000_0000);
        be16(18, 60);
        be16(20, protocol << 8 | 64);
        for (int i = 22; i < 54; i++) {
            bench.memory.u8(skb.dataHpa() + i, i);
        }
        bench.memory.u8(skb.dataHpa() + 22 + addressByte, 0xF0);
        be16(54, source);
        be16(56, dest);
        return FlowKeys.hash(skb);
    }

    @Test
    void anIpv4FlowIsItsAddressesItsProtocolAndItsPorts() {
        int hash = ipv4(6, 0x4000, 0x0A000001, 0x0A0000FE, 1000, 80);
        assertThat(hash).isNotZero();
        assertThat(ipv4(6, 0x4000, 0x0A0000FE, 0x0A000001, 80, 1000)).as("the way back").isEqualTo(hash);
        Set<Integer> others = new HashSet<>(Set.of(hash));
        assertThat(others.add(ipv4(6, 0x4000, 0x0B000001, 0x0A0000FE, 1000, 80))).as("source").isTrue();
        assertThat(others.add(ipv4(6, 0x4000, 0x0A000001, 0x0A0000FD, 1000, 80))).as("destination").isTrue();
        assertThat(others.add(ipv4(6, 0x4000, 0x0A000001, 0x0A0000FE, 1001, 80))).as("source port").isTrue();
        assertThat(others.add(ipv4(6, 0x4000, 0x0A000001, 0x0A0000FE, 1000, 90))).as("destination port").isTrue();
        assertThat(others.add(ipv4(17, 0x4000, 0x0A000001, 0x0A0000FE, 1000, 80))).as("UDP").isTrue();
    }

    @Test
    void fragmentsAndProtocolsWithoutPortsAreOneFlow() {
        int fragment = ipv4(17, 0x2000, 1, 2, 1000, 80);
        assertThat(ipv4(17, 0x0010, 1, 2, 5, 6)).as("a later fragment").isEqualTo(fragment);
        assertThat(ipv4(17, 0x4000, 1, 2, 1000, 80)).isNotEqualTo(fragment);
        assertThat(ipv4(1, 0, 1, 2, 1000, 80)).as("ICMP").isEqualTo(ipv4(1, 0, 1, 2, 7, 8));
    }

    @Test
    void portsThatAreNotLinearAreNotRead() {
        fresh(38);
        int with = ipv4(6, 0, 1, 2, 1000, 80);
        assertThat(ipv4(6, 0, 1, 2, 1001, 80)).as("just linear").isNotEqualTo(with);
        fresh(37);
        int without = ipv4(6, 0, 1, 2, 1000, 80);
        assertThat(ipv4(6, 0, 1, 2, 1001, 80)).isEqualTo(without);
    }

    @Test
    void everyByteOfAnIpv6AddressCounts() {
        Set<Integer> seen = new HashSet<>();
        for (int i = 0; i < 32; i++) {
            int hash = ipv6(6, i, 1000, 80);
            assertThat(hash).isNotZero();
            seen.add(hash);
        }
        assertThat(seen).hasSizeGreaterThan(20);
        assertThat(ipv6(6, 0, 1000, 80)).isNotEqualTo(ipv6(6, 0, 1000, 81)).isEqualTo(ipv6(6, 0, 80, 1000));
        assertThat(ipv6(6, 5, 1000, 80)).isNotEqualTo(ipv6(17, 5, 1000, 80));
    }

    @Test
    void whatIsNoIpOrTooShortBelongsToNoFlow() {
        be16(12, 0x0806);
        assertThat(FlowKeys.hash(skb)).isZero();
        ipv4(6, 0, 1, 2, 3, 4);
        be16(14, 0x4400);                               // a header of 16 bytes
        assertThat(FlowKeys.hash(skb)).isZero();
        be16(14, 0x4600);                               // one of 24: ports 4 bytes further
        int hash = FlowKeys.hash(skb);
        be16(38, 0x1111);
        assertThat(FlowKeys.hash(skb)).isNotZero().isNotEqualTo(hash);
        assertThat(FlowKeys.transport(FlowKeys.dissect(skb, EthHeader.ETH_P_IP))).isEqualTo(38);
        assertThat(FlowKeys.protocol(FlowKeys.dissect(skb, EthHeader.ETH_P_IP))).isEqualTo(6);
        fresh(34);
        assertThat(ipv4(6, 0, 1, 2, 3, 4)).as("just a header").isNotZero();
        fresh(33);
        assertThat(ipv4(6, 0, 1, 2, 3, 4)).isZero();
        fresh(54);
        assertThat(ipv6(6, 0, 3, 4)).isNotZero();
        fresh(53);
        assertThat(ipv6(6, 0, 3, 4)).isZero();
        fresh(13);
        assertThat(ipv4(6, 0, 1, 2, 3, 4)).isZero();
    }
}
