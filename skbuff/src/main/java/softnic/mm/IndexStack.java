package softnic.mm;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * A free list of small integers for any number of threads: a Treiber stack whose head carries a tag, so
 * that a pop never takes a stale next (ABA).
 *
 * <pre>
 *   head   63      32 31       0
 *          +---------+---------+
 *          | tag     | index   |    index -1: empty
 *          +---------+---------+
 * </pre>
 */
public final class IndexStack {

    private static final VarHandle HEAD;

    static {
        try {
            HEAD = MethodHandles.lookup().findVarHandle(IndexStack.class, "head", long.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /** What {@link #pop} answers when nothing is free. */
    public static final int EMPTY = -1;

    private static final long INDEX_MASK = 0xFFFF_FFFFL;

    private final int[] next;
    private volatile long head = INDEX_MASK;

    /** A stack that holds 0..size-1, 0 on top. */
    public IndexStack(int size) {
        next = new int[size];
        for (int i = size - 1; i >= 0; i--) {
            push(i);
        }
    }

    public void push(int index) {
        long before;
        do {
            before = head;
            next[index] = (int) before;
        } while (!HEAD.compareAndSet(this, before, tagged(before, index)));
    }

    /** Takes one, or {@link #EMPTY}. */
    public int pop() {
        long before;
        int index;
        do {
            before = head;
            index = (int) before;
            if (index == EMPTY) {
                return EMPTY;
            }
        } while (!HEAD.compareAndSet(this, before, tagged(before, next[index])));
        return index;
    }

    /** How many are free; exact only when nobody pushes or pops. */
    public int count() {
        int n = 0;
        for (int i = (int) head; i != EMPTY && n <= next.length; i = next[i]) {
            n++;                            // bounded: while others push, the links may lead in a circle
        }
        return n;
    }

    private static long tagged(long before, int index) {
        return (before & ~INDEX_MASK) + (1L << 32) | index & INDEX_MASK;
    }
}
