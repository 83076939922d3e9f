package softnic;

import java.util.Arrays;
import java.util.List;
import softnic.trace.Tracepoint;

/**
 * One state of the kernel's transmit zero-copy path: everything on which kernels differ, as one value.
 *
 * <p>Code asks the edition at the place where the kernel differs; it never compares versions.
 *
 * @param kernel whose behaviour
 * @param quirks which of that kernel's bugs: bit {@code quirk.ordinal()}
 */
public record Edition(Kernel kernel, long quirks) {

    public static final Edition V8 = new Edition(Kernel.V8, true);
    public static final Edition V3_1 = new Edition(Kernel.V3_1, true);
    public static final Edition V3_8 = new Edition(Kernel.V3_8, true);
    public static final Edition V3_14 = new Edition(Kernel.V3_14, true);
    public static final Edition V4_20 = new Edition(Kernel.V4_20, true);
    public static final Edition V6_1 = new Edition(Kernel.V6_1, true);
    public static final Edition V6_18 = new Edition(Kernel.V6_18, true);

    /** Every edition as its kernel was, oldest first. */
    public static final List<Edition> ALL = Arrays.stream(Kernel.values()).map(k -> new Edition(k, true)).toList();

    public Edition {
        assert Quirk.values().length <= Long.SIZE : "more quirks than bits";
        if ((quirks & ~Quirk.maskOf(kernel)) != 0) {
            throw new IllegalArgumentException("edition: kernel " + kernel + " has no such quirk, mask 0x"
                    + Long.toHexString(quirks));
        }
    }

    /** @param faithful with all of that kernel's bugs, or with none */
    public Edition(Kernel kernel, boolean faithful) {
        this(kernel, faithful ? Quirk.maskOf(kernel) : 0);
    }

    /** The same kernel without any of its bugs. */
    public Edition withoutQuirks() {
        return new Edition(kernel, 0);
    }

    /** The same, without one bug. */
    public Edition without(Quirk quirk) {
        return new Edition(kernel, quirks & ~(1L << quirk.ordinal()));
    }

    /** The same, with one bug of its kernel more. */
    public Edition with(Quirk quirk) {
        return new Edition(kernel, quirks | 1L << quirk.ordinal());
    }

    /** True with all of the kernel's bugs. */
    public boolean faithful() {
        return quirks == Quirk.maskOf(kernel);
    }

    public boolean has(Behaviour behaviour) {
        return behaviour.isOf(kernel);
    }

    public boolean has(Quirk quirk) {
        return (quirks >>> quirk.ordinal() & 1) != 0;
    }

    /** As the command line spells it; the switch that turns quirks off is another option. */
    public String name() {
        return kernel.toString();
    }

    /** For headings: {@code 3.1}, or {@code 3.1 without quirks}; a kernel that has none of them is named alone too. */
    public String title() {
        return faithful() ? name() : quirks == 0 ? name() + " without quirks"
                : name() + " without some quirks";
    }

    /** Whose function names a trace shows. */
    public Tracepoint.Names names() {
        return kernel.compareTo(Kernel.V4_20) < 0 ? Tracepoint.Names.KERNEL_3_1 : Tracepoint.Names.KERNEL_6_1;
    }

    /** {@code MAX_SKB_FRAGS} (include/linux/skbuff.h). */
    public int maxSkbFrags() {
        return has(Behaviour.FRAGS_17) ? 17 : 18;
    }

    /** Headroom in front of the Ethernet header, in bytes: NET_IP_ALIGN, later TAP_RESERVE. */
    public int tapReserve() {
        return has(Behaviour.TAP_RESERVE) ? 2 : 0;
    }

    /** Marker in {@code heads[i].len}: {@code VHOST_DMA_DONE_LEN}. */
    public int dmaDone() {
        return has(Behaviour.FAILED_MARKER) ? 2 : 1;
    }

    /** Marker {@code VHOST_DMA_IN_PROGRESS}, or 0 where the kernel stores the length. */
    public int dmaInProgress() {
        return has(Behaviour.FAILED_MARKER) ? 1 : 0;
    }

    /** The module parameter {@code experimental_zcopytx}, when nobody sets it. */
    public boolean zcopytxByDefault() {
        return has(Behaviour.NO_ZCOPYTX_OPTION) || has(Behaviour.ZCOPYTX_BY_DEFAULT);
    }

    /** {@code VHOST_NET_PKT_WEIGHT}, 0 where packets are not counted. */
    public int packetWeight() {
        return has(Behaviour.PKT_WEIGHT) ? 256 : 0;
    }
}
