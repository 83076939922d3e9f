package softnic.host;

import softnic.Edition;
import softnic.mm.PhysMem;
import softnic.net.DummyDevice;
import softnic.net.NetDevice;
import softnic.sched.Runner;
import softnic.trace.Trace;

/** The device under macvtap, of either kind, with what it needs around it. */
record LowerDevice(NetDevice device, AutoCloseable rest) implements AutoCloseable {

    private static final long DUMMY_MAC = 0x0200_0000_0001L;

    static LowerDevice of(OneFrame.Lower kind, Edition edition, Runner runner, Trace trace, PhysMem memory,
            HostKernel kernel) {
        return switch (kind) {
            case DUMMY -> new LowerDevice(new DummyDevice("dummy0", DUMMY_MAC, trace), () -> { });
            case IXGBE -> throw new UnsupportedOperationException("ixgbe");
        };
    }

    @Override
    public void close() {
        try {
            rest.close();
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }
}
