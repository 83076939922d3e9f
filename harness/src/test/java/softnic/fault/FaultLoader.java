package softnic.fault;

import java.io.IOException;
import java.io.InputStream;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Loads every class of softnic anew, some of them with a fault in it, beside the sound ones of the tests.
 *
 * <p>Child first for {@code softnic.}, parent first for the rest: libraries and the JDK are shared. Assertions are
 * off inside unless asked for: what has to catch a fault are the monitors, the balances and the far end, which a
 * user's run has too.
 */
final class FaultLoader extends ClassLoader {

    private final List<Edit> edits;
    private final Set<Edit> planted = new HashSet<>();

    /** @param assertions run with {@code -ea} inside */
    FaultLoader(List<Edit> edits, boolean assertions) {
        super("planted faults", FaultLoader.class.getClassLoader());
        this.edits = edits;
        setDefaultAssertionStatus(assertions);
    }

    /** The edits whose class was loaded: all of them, or the scenario never came near the fault. */
    Set<Edit> planted() {
        return planted;
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
        if (!name.startsWith("softnic.")) {
            return super.loadClass(name, resolve);
        }
        synchronized (getClassLoadingLock(name)) {
            Class<?> loaded = findLoadedClass(name);
            if (loaded == null) {
                byte[] bytes = edited(name, read(name));
                loaded = defineClass(name, bytes, 0, bytes.length);
            }
            if (resolve) {
                resolveClass(loaded);
            }
            return loaded;
        }
    }

    private byte[] edited(String name, byte[] sound) {
        byte[] bytes = sound;
        for (Edit edit : edits) {
            if (edit.className().equals(name)) {
                bytes = edit.plant(bytes, getParent());
                planted.add(edit);
            }
        }
        return bytes;
    }

    private byte[] read(String name) throws ClassNotFoundException {
        try (InputStream in = getParent().getResourceAsStream(name.replace('.', '/') + ".class")) {
            if (in == null) {
                throw new ClassNotFoundException(name);
            }
            return in.readAllBytes();
        } catch (IOException e) {
            throw new ClassNotFoundException(name, e);
        }
    }
}
