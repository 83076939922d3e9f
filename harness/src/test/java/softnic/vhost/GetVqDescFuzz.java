package softnic.vhost;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.random.RandomGenerator;
import softnic.Edition;

/**
 * {@link HostileRingTest}, but its chance is whatever the fuzzer finds. The build runs the kept inputs of
 * {@code GetVqDescFuzzInputs} and an empty one; with {@code JAZZER_FUZZ=1} Jazzer looks for more.
 */
class GetVqDescFuzz {

    private final HostileRingTest test = new HostileRingTest();

    @FuzzTest
    void anyRingHasTheAnswerThatTheDescriptionGives(FuzzedDataProvider data) {
        Edition edition = Edition.ALL.get(data.consumeInt(0, Edition.ALL.size() - 1));
        RandomGenerator chance = data::consumeLong;     // 0 for ever, once the input is used up
        test.one(data.consumeBoolean() ? edition : edition.withoutQuirks(), chance);
    }
}
