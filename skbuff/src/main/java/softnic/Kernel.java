package softnic;

/** The states of the kernel that softnic knows, oldest first. An {@link Edition} is one of them, with or without its bugs. */
public enum Kernel {
    /** The cover letter of "macvtap/vhost TX zero-copy support" V8, July 2011, on 2.6.39, its benchmark's kernel. */
    V8("v8"),
    /** What was merged. */
    V3_1("3.1"),
    /** Zero-copy by default, switched off by failures; markers of success and failure. */
    V3_8("3.8"),
    /** Copied packets leave the pending ring; used entries are reported in batches. */
    V3_14("3.14"),
    /** Copies where it used to stall; copying and zero-copy are two functions; batches of XDP buffers. */
    V4_20("4.20"),
    /** The kernel of which the golden call graphs were recorded. */
    V6_1("6.1"),
    /** The newest that was read. */
    V6_18("6.18");

    private final String text;

    Kernel(String text) {
        this.text = text;
    }

    /** As the command line and the documents spell it. */
    @Override
    public String toString() {
        return text;
    }

    /** From one kernel to another, both included. */
    record Span(Kernel first, Kernel last) {

        static Span since(Kernel first) {
            return new Span(first, values()[values().length - 1]);
        }

        static Span until(Kernel last) {
            return new Span(values()[0], last);
        }

        static Span of(Kernel first, Kernel last) {
            return new Span(first, last);
        }

        boolean contains(Kernel kernel) {
            return first.compareTo(kernel) <= 0 && kernel.compareTo(last) <= 0;
        }
    }
}
