package softnic.guest;

import softnic.sched.Cpu;
import softnic.sched.Llc;
import softnic.sched.WaitQueue;
import softnic.trace.Counters;

/** One connection of the guest: its send buffer, its TCP, its socket and the netperf that writes into it. */
final class GuestStream {

    final SendBuffer buffer;
    final GuestTcp tcp;
    final GuestSocket socket = new GuestSocket();
    final NetperfProcess netperf;

    /** @param index which of {@code options.streams()}, from 0 */
    GuestStream(int index, Cpu cpu, Llc llc, GuestRam ram, GuestPages pages, GuestOptions options, GuestSkbPool pool,
            GuestDev dev, WaitQueue processWait, Counters<GuestCounter> counters) {
        buffer = new SendBuffer(ram, pages);
        tcp = new GuestTcp(index, cpu, llc, ram, options, pool, buffer, dev, counters);
        netperf = new NetperfProcess(cpu, options.messageBytes(index), tcp, socket, processWait, counters);
    }
}
