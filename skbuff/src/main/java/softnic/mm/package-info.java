/**
 * Memory: one kind of address for all of it, and a count on every page.
 *
 * <pre>
 *   guest address --VhostMemory.translate--&gt; IoVec of host addresses, or an errno
 *                   [whole range checked]            |
 *                                                    v
 *   PhysMem   | guest RAM | guest RAM | kernel pages (PageAllocator) | skb heads | scratch |
 *             | Page Page | Page Page | Page Page Page               |  no pages           |
 *                  ^                       ^
 *             pinned by a frag        held by a frag         PageHolder: who, by name
 * </pre>
 *
 * <p>For any agent. A host address that a guest chose comes out of
 * {@link softnic.mm.VhostMemory#translate}, from nowhere else.
 * {@link softnic.mm.IndexStack} is the free list of every pool.
 */
package softnic.mm;
