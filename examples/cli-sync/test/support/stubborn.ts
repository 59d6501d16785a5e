/**
 * A program that no signal can end by asking, as one whose database hangs. Its
 * argument is how long it is waited for, in ms.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Process from "../../src/process.ts"

const told = Effect.sync(() => process.stdout.write("ready\n"))
Process.run(Effect.uninterruptible(Effect.andThen(told, Effect.never)), Duration.millis(Number(process.argv[2])))
