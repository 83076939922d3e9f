package softnic.macvtap;

/**
 * Rules that a guest can break only because the kernel of the edition lets it, and the counter of each: where that
 * kernel wrote, read or freed what it must not, softnic stops, counts the rule and returns an errno.
 */
public enum TapRule {
    /** B1, CVE-2012-2119. */
    PINS_BEYOND_ARRAY("more pages than page[MAX_SKB_FRAGS] holds: the kernel's stack is overwritten"),
    /** B2. */
    PIN_LOST("a pinned page is put by nobody"),
    /** B2 as in 3.6. */
    PAGE_PUT_TWICE("a page of an earlier vector is put, and put again with the packet"),
    /** B3. */
    OFFSET_BEYOND_VECTOR("more bytes copied than the current vector has: the fragment's size is negative"),
    /** B4. */
    GARBAGE_CALLBACK("a packet that failed is freed through a destructor_arg that nobody set"),
    /** B6. */
    STALE_TAIL_SENT("the packet ends in bytes that its head held before"),
    /** B8, CVE-2012-2136. */
    PAGES_BEYOND_FRAGS("more pages than frags[MAX_SKB_FRAGS] holds: the heap behind skb_shared_info is overwritten"),
    /** 3.6 to 3.10. */
    PINS_OVER_ALLOCATED("pinned pages overwrite allocated ones, and fragments nobody set are put"),
    /** Until 4.5. */
    ETH_HEADER_NOT_COPIED("the Ethernet header is read from what the head held before");

    private final String text;

    TapRule(String text) {
        this.text = text;
    }

    /** What happens in the kernel. */
    public String text() {
        return text;
    }
}
