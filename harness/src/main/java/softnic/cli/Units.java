package softnic.cli;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine;
import picocli.CommandLine.TypeConversionException;
import softnic.Edition;

/** Sizes and times as people write them: {@code 64K}, {@code 30us}. */
final class Units {

    private static final Pattern NUMBER = Pattern.compile("(\\d+(?:\\.\\d+)?)([a-zA-Z]*)");

    /** A number of bytes. */
    record Size(int bytes) {
        /** As the tables write it: 4K, or plain bytes. */
        @Override
        public String toString() {
            return bytes >= 1024 && bytes % 1024 == 0 ? bytes / 1024 + "K" : Integer.toString(bytes);
        }
    }

    /** A time, in nanoseconds. */
    record Time(long ns) {
    }

    private Units() {
    }

    static void register(CommandLine line) {
        line.registerConverter(Size.class, Units::size);
        line.registerConverter(Time.class, Units::time);
        line.registerConverter(Edition.class, Units::edition);
    }

    static Size size(String text) {
        Matcher m = NUMBER.matcher(text.trim());
        double unit = !m.matches() ? 0 : switch (m.group(2).toUpperCase(Locale.ROOT)) {
            case "", "B" -> 1;
            case "K", "KB", "KIB" -> 1024;
            case "M", "MB", "MIB" -> 1024 * 1024;
            default -> 0;
        };
        if (unit == 0 || Double.parseDouble(m.group(1)) * unit > Integer.MAX_VALUE) {
            throw new TypeConversionException("expected a size such as 256, 4K or 1M, got \"" + text + "\"");
        }
        return new Size((int) (Double.parseDouble(m.group(1)) * unit));
    }

    static Time time(String text) {
        Matcher m = NUMBER.matcher(text.trim());
        double unit = !m.matches() ? 0 : switch (m.group(2).toLowerCase(Locale.ROOT)) {
            case "ns" -> 1;
            case "us" -> 1e3;
            case "ms" -> 1e6;
            case "s" -> 1e9;
            default -> 0;
        };
        if (unit == 0 || Double.parseDouble(m.group(1)) <= 0) {
            throw new TypeConversionException("expected a time such as 100ms or 1s, got \"" + text + "\"");
        }
        return new Time((long) (Double.parseDouble(m.group(1)) * unit));
    }

    static Edition edition(String text) {
        for (Edition edition : Edition.ALL) {
            if (edition.name().equals(text)) {
                return edition;
            }
        }
        throw new TypeConversionException("expected one of "
                + String.join(", ", Edition.ALL.stream().map(Edition::name).toList()) + ", got \"" + text + "\"");
    }
}
