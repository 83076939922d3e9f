package softnic.fault;

import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassHierarchyResolver;
import java.lang.classfile.ClassModel;
import java.lang.classfile.ClassTransform;
import java.lang.classfile.CodeBuilder;
import java.lang.classfile.CodeTransform;
import java.lang.classfile.Instruction;
import java.lang.classfile.Opcode;
import java.lang.classfile.TypeKind;
import java.lang.classfile.instruction.ConstantInstruction;
import java.lang.classfile.instruction.FieldInstruction;
import java.lang.classfile.instruction.InvokeInstruction;
import java.lang.classfile.instruction.OperatorInstruction;
import java.lang.constant.MethodTypeDesc;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.function.Supplier;

/**
 * One edit of the bytecode of one method: which instructions it looks for, and what it puts in their place.
 *
 * <p>An edit says how many instructions it must find. Code that was rewritten since then makes {@link #plant}
 * throw, instead of a test that plants nothing and passes.
 *
 * @param type class under {@code softnic.}, nested ones with {@code $}
 * @param method all methods of that name
 * @param what the edit in words
 * @param expected how many instructions it must find
 * @param rules makes a rule for one planting
 */
record Edit(String type, String method, String what, int expected, Supplier<Rule> rules) {

    /** Looks at one instruction after the other. */
    interface Rule {
        /** @return false if it is not the one; otherwise its replacement has been written to {@code code} */
        boolean replace(CodeBuilder code, Instruction instruction);
    }

    /** Name of the class to edit, as a loader wants it. */
    String className() {
        return "softnic." + type;
    }

    /** {@code Class.method}. */
    String place() {
        return type.substring(type.lastIndexOf('.') + 1).replace('$', '.') + "." + method;
    }

    @Override
    public String toString() {
        return place() + ": " + what;
    }

    /** The edit is made at {@code n} places, not at one. */
    Edit times(int n) {
        return new Edit(type, method, what, n, rules);
    }

    /** The same edit under another description. */
    Edit named(String words) {
        return new Edit(type, method, words, expected, rules);
    }

    // ---- what can be done to a method

    /** The call does not happen; where it would answer a number, it answers {@code answer}. */
    static Edit drop(String type, String method, String call, int answer) {
        String what = "drop call " + call + (answer == 0 ? "" : ", as if it answered " + answer);
        return atCall(type, method, call, what, (code, invoke) -> {
            kinds(invoke).reversed().forEach(kind -> pop(code, kind));
            push(code, returned(invoke), answer);
        });
    }

    static Edit drop(String type, String method, String call) {
        return drop(type, method, call, 0);
    }

    /** The call happens, but its answer is taken for {@code answer}. */
    static Edit ignore(String type, String method, String call, int answer) {
        return atCall(type, method, call, "take the answer of " + call + " for " + answer, (code, invoke) -> {
            code.with(invoke);
            pop(code, returned(invoke));
            push(code, returned(invoke), answer);
        });
    }

    /** The call happens twice, with the same arguments. */
    static Edit repeat(String type, String method, String call) {
        return atCall(type, method, call, "call " + call + " twice", (code, invoke) -> {
            List<TypeKind> kinds = kinds(invoke);
            int[] locals = new int[kinds.size()];
            for (int i = locals.length - 1; i >= 0; i--) {
                locals[i] = code.allocateLocal(kinds.get(i));
                code.storeLocal(kinds.get(i), locals[i]);
            }
            load(code, kinds, locals);
            code.with(invoke);
            pop(code, returned(invoke));
            load(code, kinds, locals);
            code.with(invoke);
        });
    }

    /** Something is done to the call's last argument, which lies on top of the stack. */
    static Edit argument(String type, String method, String call, String what, Consumer<CodeBuilder> extra) {
        return atCall(type, method, call, what, (code, invoke) -> {
            extra.accept(code);
            code.with(invoke);
        });
    }

    /** Something else is done with what was meant for the call, and lies on the stack. */
    static Edit replace(String type, String method, String call, String what, Consumer<CodeBuilder> with) {
        return atCall(type, method, call, what, (code, invoke) -> with.accept(code));
    }

    /** After the field was written, a method of the same object without arguments is called. */
    static Edit callAfterWrite(String type, String method, String field, String call) {
        String what = "call " + call + " already here, after " + field;
        return new Edit(type, method, what, 1, () -> (code, instruction) -> {
            if (!(instruction instanceof FieldInstruction put) || put.opcode() != Opcode.PUTFIELD
                    || !put.name().equalsString(field)) {
                return false;
            }
            code.with(put);
            code.aload(0);
            code.invokevirtual(put.owner().asSymbol(), call, MethodTypeDesc.ofDescriptor("()V"));
            return true;
        });
    }

    /** The {@code nth} constant {@code from} of the method, counted from 1, becomes {@code to}. */
    static Edit constant(String type, String method, int from, int nth, int to) {
        return atNth(type, method, nth, "constant " + from + " becomes " + to,
                instruction -> instruction instanceof ConstantInstruction constant
                        && constant.constantValue() instanceof Number value && value.longValue() == from,
                (code, instruction) -> push(code, ((ConstantInstruction) instruction).typeKind(), to));
    }

    /** The {@code nth} such operator of the method, counted from 1, is replaced. */
    static Edit operator(String type, String method, Opcode from, int nth, String what,
            Consumer<CodeBuilder> with) {
        return atNth(type, method, nth, what,
                instruction -> instruction instanceof OperatorInstruction && instruction.opcode() == from,
                (code, instruction) -> with.accept(code));
    }

    private static Edit atCall(String type, String method, String call, String what,
            BiConsumer<CodeBuilder, InvokeInstruction> change) {
        return new Edit(type, method, what, 1, () -> (code, instruction) -> {
            if (!(instruction instanceof InvokeInstruction invoke) || !invoke.name().equalsString(call)) {
                return false;
            }
            change.accept(code, invoke);
            return true;
        });
    }

    private static Edit atNth(String type, String method, int nth, String what, Predicate<Instruction> wanted,
            BiConsumer<CodeBuilder, Instruction> change) {
        return new Edit(type, method, what, 1, () -> new Rule() {
            private int seen;

            @Override
            public boolean replace(CodeBuilder code, Instruction instruction) {
                if (!wanted.test(instruction) || ++seen != nth) {
                    return false;
                }
                change.accept(code, instruction);
                return true;
            }
        });
    }

    // ---- planting

    /** The class with the edit in it; throws unless it has found exactly what it looked for. */
    byte[] plant(byte[] classBytes, ClassLoader loader) {
        ClassHierarchyResolver types = ClassHierarchyResolver.ofResourceParsing(loader);
        ClassFile classFile = ClassFile.of(ClassFile.ClassHierarchyResolverOption.of(types));
        ClassModel model = classFile.parse(classBytes);
        Rule rule = rules.get();
        int[] found = new int[1];
        CodeTransform change = (code, element) -> {
            if (element instanceof Instruction instruction && rule.replace(code, instruction)) {
                found[0]++;
            } else {
                code.with(element);
            }
        };
        byte[] edited = classFile.transformClass(model,
                ClassTransform.transformingMethodBodies(m -> m.methodName().equalsString(method), change));
        if (found[0] != expected) {
            throw new IllegalStateException("fault: " + this + ": found " + found[0] + " times, must be " + expected
                    + "; the method was rewritten, look whether the fault can still be made");
        }
        return edited;
    }

    // ---- bytecode

    /** What the call finds on the stack: the object, if there is one, and its arguments. */
    private static List<TypeKind> kinds(InvokeInstruction invoke) {
        List<TypeKind> kinds = new ArrayList<>();
        if (invoke.opcode() != Opcode.INVOKESTATIC) {
            kinds.add(TypeKind.REFERENCE);
        }
        invoke.typeSymbol().parameterList().forEach(type -> kinds.add(TypeKind.from(type).asLoadable()));
        return kinds;
    }

    private static TypeKind returned(InvokeInstruction invoke) {
        return TypeKind.from(invoke.typeSymbol().returnType());
    }

    private static void load(CodeBuilder code, List<TypeKind> kinds, int[] locals) {
        for (int i = 0; i < locals.length; i++) {
            code.loadLocal(kinds.get(i), locals[i]);
        }
    }

    private static void pop(CodeBuilder code, TypeKind kind) {
        switch (kind.slotSize()) {
            case 0 -> { }
            case 1 -> code.pop();
            default -> code.pop2();
        }
    }

    private static void push(CodeBuilder code, TypeKind kind, int answer) {
        switch (kind.asLoadable()) {
            case VOID -> { }
            case INT -> code.loadConstant(answer);
            case LONG -> code.loadConstant((long) answer);
            case REFERENCE -> code.aconst_null();
            default -> throw new IllegalArgumentException("fault: a call that answers " + kind);
        }
    }
}
