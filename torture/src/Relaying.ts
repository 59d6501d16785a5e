/**
 * The relay of the example as a process beside the workers: it hands their events
 * to the consumer that keeps the projection, and is killed as they are.
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { SqlClient } from "effect/sql/SqlClient"
import * as path from "node:path"
import * as Worker from "./Worker.ts"

const main = path.join(import.meta.dirname, "../../examples/cli-sync/src/relay.ts")

/** What a killed one held is free again after so long. */
const lease = "3s"

/** One lives as long as the acts beside it. */
const patience = Duration.hours(2)

/** How long the last one may take to hand on what is left. */
const farewell = Duration.minutes(15)

const commandLine =
  ({ database, objects }: Worker.Settings) =>
  (name: string): ReadonlyArray<string> => [
    main,
    `--database-url=${database.urlOf(name)}`,
    `--objects=${objects.join(",")}`,
    `--lease=${lease}`
  ]

/**
 * Runs one relay after the other: each aim is for one of them, and behind the last
 * aim one goes on. When it is `over`, it has some time to hand on what is left, and
 * then is killed too. Each kill is told.
 */
export const run = Effect.fnUntraced(function* (
  settings: Worker.Settings,
  aims: ReadonlyArray<Worker.Aim>,
  over: Deferred.Deferred<void>,
  tell: (kill: Worker.Kill) => void
) {
  const { sql } = settings.database
  for (const aim of [...aims, undefined]) {
    const ended = yield* Worker.start(
      commandLine(settings),
      ({ name, pid }) =>
        Effect.raceFirst(
          aim === undefined ? Effect.never : Worker.strike(sql, name, pid, aim),
          Deferred.await(over).pipe(
            Effect.andThen(Effect.timeoutOption(drained(sql), farewell)),
            Effect.andThen(Worker.kill(pid, "unknown"))
          )
        ),
      patience
    )
    if (ended._tag === "Exited") {
      return yield* new Worker.WorkerError({ message: `a relay ended with ${ended.code}: ${ended.errors}` })
    }
    tell(ended.kill)
    if (yield* Deferred.isDone(over)) return
  }
})

/** Waits until nobody is owed anything. */
const drained = (sql: SqlClient) =>
  Effect.repeat(sql`select 1 from tidemark.delivery limit 1`, {
    until: (rows) => rows.length === 0,
    schedule: Schedule.spaced("100 millis")
  })
