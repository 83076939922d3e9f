package softnic.cli;

import java.util.Arrays;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.TypeConversionException;
import softnic.Edition;
import softnic.host.LetterTest;
import softnic.host.OneFrame;
import softnic.host.Scenario;

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
        line.registerConverter(long.class, Units::wholeNumber);
        oneOf(line, Scenario.World.class);
        oneOf(line, OneFrame.Lower.class);
        oneOf(line, RunCommand.Format.class);
        oneOf(line, TableCommand.Format.class);
        oneOf(line, TraceCommand.Format.class);
    }

    static Size size(String text) {
        Matcher m = NUMBER.matcher(text.trim());
        double unit = !m.matches() ? 0 : switch (m.group(2).toUpperCase(Locale.ROOT)) {
            case "", "B" -> 1;
            case "K", "KB", "KIB" -> 1024;
            case "M", "MB", "MIB" -> 1024 * 1024;
            default -> 0;
        };
        if (unit == 0) {
            throw new TypeConversionException("expected a size such as 256, 4K or 1M, got " + quoted(text));
        }
        double bytes = Double.parseDouble(m.group(1)) * unit;
        if (bytes > Integer.MAX_VALUE) {
            throw new TypeConversionException("expected a size such as 256, 4K or 1M, got " + quoted(text)
                    + ", which is 2 GiB or more");
        }
        if (bytes != Math.rint(bytes)) {
            throw new TypeConversionException("expected a whole number of bytes, got " + quoted(text));
        }
        return new Size((int) bytes);
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
        double ns = unit == 0 ? 0 : Double.parseDouble(m.group(1)) * unit;
        if (unit == 0) {
            throw new TypeConversionException("expected a time such as 100ms or 1s, got " + quoted(text));
        }
        if (ns < 1 || ns > Scenario.MAX_DURATION_NS) {
            throw new TypeConversionException("expected a time from 1ns to " + Scenario.MAX_DURATION_NS / 1_000_000_000
                    + "s, got " + quoted(text));
        }
        return new Time((long) ns);
    }

    /** A message size for {@code option}, checked. */
    static int messageBytes(CommandSpec spec, String option, Size size) {
        return within(spec, option, size, 1, Scenario.MAX_MESSAGE_BYTES);
    }

    /** The size's bytes, if they are in the range that {@code option} takes. */
    static int within(CommandSpec spec, String option, Size size, int min, int max) {
        if (size.bytes() < min || size.bytes() > max) {
            throw new ParameterException(spec.commandLine(), "invalid value for option '" + option + "': expected "
                    + min + ".." + max + " bytes, got " + size.bytes());
        }
        return size.bytes();
    }

    private static long wholeNumber(String text) {
        try {
            return Long.parseLong(text.trim());
        } catch (NumberFormatException e) {
            throw new TypeConversionException("expected a whole number of at most 63 bits such as 1 or 42, got "
                    + quoted(text));
        }
    }

    private static <E extends Enum<E>> void oneOf(CommandLine line, Class<E> type) {
        line.registerConverter(type, text -> {
            for (E value : type.getEnumConstants()) {
                if (value.name().equalsIgnoreCase(text.trim())) {
                    return value;
                }
            }
            throw new TypeConversionException("expected one of " + Arrays.stream(type.getEnumConstants())
                    .map(value -> value.name().toLowerCase(Locale.ROOT)).collect(Collectors.joining(", "))
                    + ", got " + quoted(text));
        });
    }

    /** The cover letter's test of that name. */
    static LetterTest letterTest(CommandSpec spec, String text) {
        for (LetterTest test : LetterTest.values()) {
            if (test.toString().equals(text)) {
                return test;
            }
        }
        throw new ParameterException(spec.commandLine(), "run takes options, or one of "
                + Arrays.stream(LetterTest.values()).map(LetterTest::toString).collect(Collectors.joining(", ")) + ", got "
                + quoted(text));
    }

    private static String quoted(String text) {
        return '"' + text + '"';
    }

    static Edition edition(String text) {
        for (Edition edition : Edition.ALL) {
            if (edition.name().equals(text)) {
                return edition;
            }
        }
        throw new TypeConversionException("expected one of "
                + String.join(", ", Edition.ALL.stream().map(Edition::name).toList()) + ", got " + quoted(text));
    }
}
