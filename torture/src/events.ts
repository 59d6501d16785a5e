/**
 * `events`: many events of few keys are handed to consumers by processes that are
 * killed and stopped, and whose handlers fail; then the history is judged.
 */
import * as Relay from "@tidemark/core/engine/Relay"
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Check from "./events/Check.ts"
import * as Play from "./events/Play.ts"
import * as Flags from "./flags.ts"
import * as Progress from "./Progress.ts"
import * as Verdict from "./Verdict.ts"

const between = (name: string, otherwise: number, maximum: number, description: string) =>
  Flag.Finite(name).pipe(
    Flag.withDescription(description),
    Flag.withSchema(Schema.Number.check(Schema.isBetween({ minimum: 0, maximum }))),
    Flag.withDefault(otherwise)
  )

export const events = Command.make(
  "events",
  {
    events: Flags.whole("events", 10_000, 1, 10_000_000, "How many events are published"),
    workers: Flags.whole("workers", 4, 2, 64, "How many processes hand them out"),
    keys: Flags.whole("keys", 1_000, 1, 1_000_000, "How many keys they are of"),
    fail: between("fail", 0.1, 0.9, "The share of handler calls that fail"),
    killEvery: between("kill-every", 2, 3_600, "Seconds from one kill to the next; 0 for no kills"),
    stops: Flags.whole("stops", 4, 0, 100_000, "How often a worker is stopped for longer than the lease"),
    lease: Flags.whole("lease", 0, 0, 3_600_000, "Of a delivery, in ms; 0 for the relay's own"),
    seed: Flags.seed,
    history: Flags.history,
    json: Flag.Boolean("json").pipe(Flag.withDescription("End with one JSON line"), Flag.withDefault(false))
  },
  Effect.fnUntraced(function* ({ history, json, lease, ...options }) {
    const fs = yield* FileSystem.FileSystem
    const directory = Option.isSome(history) ? history.value : yield* fs.makeTempDirectoryScoped()
    const started = yield* Clock.currentTimeMillis
    yield* Console.error(introduction(options))
    const args = Object.entries(options).map(([name, value]) => `${name}=${value}`)
    const length = lease === 0 ? Duration.toMillis(Relay.leaseDefault) : lease
    const busy = yield* Play.play({ ...options, directory, lease: length, isDefault: lease === 0 }, args)
    yield* Console.error("All is handled. The check reads what handlers, triggers and this killer wrote down.")
    const { verdict, violations } = yield* Check.judge(directory)
    const seconds = Math.round(((yield* Clock.currentTimeMillis) - started) / 100) / 10
    const told = { ...verdict, seconds, events_per_second: Math.round(verdict.events / busy) }
    yield* Console.log(json ? JSON.stringify(told) : report(told, Option.getOrUndefined(history)))
    return yield* Verdict.require(verdict, violations)
  }, Effect.scoped)
).pipe(Command.withDescription("Hand out events while workers are killed and stopped, and judge what was handled"))

// -----------------------------------------------------------------------------
// words
// -----------------------------------------------------------------------------

const introduction = (options: Pick<Play.Options, "events" | "keys" | "workers" | "fail" | "killEvery">): string =>
  [
    `${Progress.count(options.events)} events of ${Progress.count(options.keys)} keys, for three consumers in ` +
      `${options.workers} processes; ${Math.round(options.fail * 100)}% of calls fail.`,
    options.killEvery === 0 ? "No process is killed." : `A process is killed every ${options.killEvery} s.`
  ].join("\n")

type Told = Check.Verdict & { readonly seconds: number; readonly events_per_second: number }

/** For people. `history` is where it was asked to be kept. */
export const report = (told: Told, history: string | undefined): string =>
  [
    told.ok
      ? "Every consumer handled every event once, in the order of its key."
      : "NOT every event was handled once and in order.",
    "",
    `  events           ${Progress.count(told.events)}, handled ${Progress.count(told.handled)} times by all consumers`,
    `  lost             ${Progress.count(told.lost)}`,
    `  doubled effects  ${Progress.count(told.doubled_effects)}`,
    `  inversions       ${Progress.count(told.inversions)}`,
    `  blocked keys     ${Progress.count(told.blocked_other_keys)}`,
    `  stale            ${Progress.count(told.stale_settlements)}`,
    `  dead             ${Progress.count(told.dead)}`,
    `  kills            ${told.kills}, ${told.kills_in_tx} of them inside an open transaction`,
    `  taken over       within ${told.takeover_seconds_max} s of a kill`,
    `  stops            ${told.stops}, ${told.overtaken} deliveries went to others meanwhile`,
    `  seconds          ${told.seconds}, ${Progress.count(told.events_per_second)} events a second`,
    ...(history === undefined ? [] : [`  history          ${history}`])
  ].join("\n")
