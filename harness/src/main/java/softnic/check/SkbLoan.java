package softnic.check;

import java.util.List;
import softnic.mm.PageHolder;
import softnic.skb.UbufInfo;
import softnic.skb.UbufInfoMsgzc;

/**
 * User pages lent to a packet. The user writes into them as soon as it hears that the network is done with them: who still
 * reads them then, reads something else.
 */
final class SkbLoan implements UbufInfo {

    /** How the user keeps a page while it is not lent, or while it is. */
    static final class Home extends PageHolder {
        @Override
        public String referenceName() {
            return "user";
        }
    }

    private final SkbWorkshop shop;
    private final int number;
    private final List<Long> pages;
    private final List<Home> homes;
    private int callbacks;

    /**
     * @param pages host addresses of the guest's pages
     * @param homes instead of them: large pages
     */
    SkbLoan(SkbWorkshop shop, int number, List<Long> pages, List<Home> homes) {
        this.shop = shop;
        this.number = number;
        this.pages = pages;
        this.homes = homes;
    }

    @Override
    public void callback(boolean zerocopySuccess) {
        callbacks++;
        if (callbacks == 1) {
            takeBack();
        } else {
            shop.violations().report(9, "skb: " + this + " was called back " + callbacks + " times");
        }
    }

    /** The packet was never made, or the pages are the user's again. */
    void takeBack() {
        shop.overwrite(pages);
        shop.overwriteLarge(homes);
    }

    /** As MSG_ZEROCOPY lends: several packets may share the pages, and the user hears of the last. */
    UbufInfoMsgzc shared() {
        return new UbufInfoMsgzc() {
            @Override
            protected void complete(boolean zerocopy) {
                SkbLoan.this.callback(zerocopy);
            }
        };
    }

    int callbacks() {
        return callbacks;
    }

    @Override
    public String toString() {
        return "loan " + number;
    }
}
