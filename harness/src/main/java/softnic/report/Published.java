package softnic.report;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;

/**
 * The published table: cover letter of "[PATCH V8 0/4 net-next] macvtap/vhost TX zero-copy support", July 2011.
 *
 * <p>The letter heads its first column Gb/s; the values are Mb/s.
 */
public final class Published {

    private static final String RESOURCE = "seed-table.csv";
    private static final List<Row> ROWS = read();

    /** One row, in the table's units; {@code zerocopy} false are its "(Orig)" rows. */
    public record Row(int messageBytes, boolean zerocopy, Columns columns) {
    }

    private Published() {
    }

    /** The published values for a size and mode, if there are any. */
    public static Optional<Columns> columns(int messageBytes, boolean zerocopy) {
        return ROWS.stream()
                .filter(row -> row.messageBytes() == messageBytes && row.zerocopy() == zerocopy)
                .map(Row::columns)
                .findFirst();
    }

    private static List<Row> read() {
        try (BufferedReader in = new BufferedReader(new InputStreamReader(
                Published.class.getResourceAsStream(RESOURCE), StandardCharsets.US_ASCII))) {
            return in.lines().skip(1).map(Published::row).toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Row row(String line) {
        String[] cells = line.split(",");
        return new Row(Integer.parseInt(cells[0]), Boolean.parseBoolean(cells[1]),
                new Columns(Double.parseDouble(cells[2]), Double.parseDouble(cells[3]), Double.parseDouble(cells[4]),
                        Double.parseDouble(cells[5]), null));
    }
}
