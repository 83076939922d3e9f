package softnic.check;

/** Reads the parts of a scenario that {@code --fix} names. What is wrong with one is said in one line. */
final class Parts {

    private Parts() {
    }

    static int number(String key, String value, int min, int max) {
        return (int) number(key, value, (long) min, max);
    }

    /** @throws IllegalArgumentException unless it is a number in the range */
    static long number(String key, String value, long min, long max) {
        try {
            long number = Long.parseLong(value);
            if (number >= min && number <= max) {
                return number;
            }
        } catch (NumberFormatException e) {
            // said below
        }
        throw new IllegalArgumentException("--fix: " + key + " must be " + min + ".." + max + ", got \"" + value + '"');
    }

    static int powerOfTwo(String key, String value, int min, int max) {
        int number = number(key, value, min, max);
        if (Integer.bitCount(number) != 1) {
            throw new IllegalArgumentException("--fix: " + key + " must be a power of two in " + min + ".." + max
                    + ", got \"" + value + '"');
        }
        return number;
    }

    static boolean isOn(String key, String value) {
        if (value.equals("on") || value.equals("off")) {
            return value.equals("on");
        }
        throw new IllegalArgumentException("--fix: " + key + " must be on or off, got \"" + value + '"');
    }

    static IllegalArgumentException unknown(String key, CheckScenario scenario) {
        return new IllegalArgumentException("--fix: unknown part \"" + key + "\" of " + scenario.room()
                + ", expected one of room, " + String.join(", ", scenario.parts().keySet()));
    }
}
