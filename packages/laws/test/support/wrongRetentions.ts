/** Wrong retentions, made by removing more than the memory store does, or less. */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import * as Layer from "effect/Layer"
import * as Expiry from "@tidemark/core/ports/Expiry"
import * as RetentionStore from "@tidemark/laws/events/RetentionStore"
import type * as Database from "@tidemark/memory/Database"
import * as Memory from "@tidemark/memory/Memory"
import type * as State from "@tidemark/memory/State"
import { type Patch, replace } from "./wrongPatch.ts"

/** The memory store with something changed in it. */
export const store = (patch: Patch): RetentionStore.RetentionStore<Memory.Services> => ({
  ...RetentionStore.memory,
  layer: Layer.effectContext(Effect.map(Layer.build(Layer.fresh(Memory.layer())), patch))
})

type Remove = Expiry.Expiry["Service"]["remove"]

const removals = (change: (right: Remove, database: Database.Database) => Remove): Patch =>
  replace(Expiry.Expiry, ({ remove }, all) => {
    const changed = change(remove, Context.get(all, Memory.Store).connection.database)
    return { remove: (options) => Effect.suspend(() => changed(options)) }
  })

/** Removes rows behind the back of the store. */
const lose = <T extends State.Name>(
  database: Database.Database,
  table: T,
  isLost: (row: State.Tables[T], key: string) => boolean
): void => {
  const { tables } = database.state
  const left = HashMap.filter(tables[table], (row: State.Tables[T], key: string) => !isLost(row, key))
  database.state = { ...database.state, tables: { ...tables, [table]: left } }
}

/** Before the right removal of a part, loses rows of a table. */
const also = <T extends State.Name>(
  part: Expiry.Part,
  table: T,
  isLost: (row: State.Tables[T], database: Database.Database) => boolean
): Patch =>
  removals((right, database) => (options) => {
    if (options.part === part) lose(database, table, (row) => isLost(row, database))
    return right(options)
  })

const rowsOf = <T extends State.Name>(database: Database.Database, table: T): ReadonlyArray<State.Tables[T]> =>
  Array.from(HashMap.values(database.state.tables[table]))

export const wrongRetentions = {
  /** Age is all it asks of an event; deliveries go with it. */
  removesUndelivered: removals((right, database) => (options) => {
    if (options.part !== "events") return right(options)
    lose(database, "events", isOldEvent)
    lose(database, "deliveries", ({ position }) => !rowsOf(database, "events").some(({ order }) => order === position))
    return right(options)
  }),
  /** An event with a dead letter counts as settled. */
  removesDead: also(
    "events",
    "events",
    (row, database) =>
      isOldEvent(row) &&
      rowsOf(database, "deadLetters").some(({ position }) => position === row.order) &&
      !rowsOf(database, "deliveries").some(({ position }) => position === row.order)
  ),
  /** It does not ask who registered and has yet to be given what is kept. */
  removesMissed: also(
    "events",
    "events",
    (row, database) =>
      isOldEvent(row) &&
      !rowsOf(database, "deadLetters").some(({ position }) => position === row.order) &&
      !rowsOf(database, "deliveries").some(({ position }) => position === row.order)
  ),
  /** Receipts by their own age: an event that one consumer has still to get looks as if the other never had it. */
  removesReceipts: also("events", "receipts", ({ at }) => at < oldest),
  /** Whatever its age. */
  removesYoung: also("messages", "inbox", ({ isFinished }) => isFinished),
  /** What was handled is forgotten with the event that it was handled for. */
  cascades: removals(
    (right, database) => (options) =>
      Effect.tap(right(options), () =>
        Effect.sync(() => {
          if (options.part !== "events") return
          const known = new Set(rowsOf(database, "events").map(({ event }) => event.id))
          lose(database, "inbox", ({ id }) => /^[^/]+\/\d+$/.test(id) && !known.has(id))
        })
      )
  ),
  /** A message that may have had its effect is taken for one that had none. */
  removesUnfinished: also("messages", "inbox", ({ isFinished, touchedAt }) => !isFinished && touchedAt < oldest),
  /** A message of an event that is still to be delivered goes by its age. */
  removesRemembered: also("messages", "inbox", ({ isFinished, touchedAt }) => isFinished && touchedAt < oldest),
  /** All at once. */
  isUnbounded: removals((right) => (options) => right({ ...options, limit: 1_000 })),
  /** It stops after the first piece. */
  stopsEarly: removals((right) => (options) => Effect.map(right(options), (piece) => ({ ...piece, next: undefined }))),
  /** The last run of a lane goes like any other. */
  removesLastRuns: also("runs", "runs", ({ closedAt = Infinity }) => closedAt < oldest),
  /** Items go by age, their run stays. */
  removesItems: also("runs", "items", () => true),
  /** A refusal that waits goes by its age. */
  removesRefusals: also("refusals", "quarantine", ({ openedAt }) => openedAt < oldest),
  /** Nothing ever goes. */
  removesNothing: removals(() => () => Effect.succeed({ removed: Expiry.noCounts, next: undefined }))
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** The clock of a case starts at 1,000,000 and moves by two hours: what came before is old. */
const oldest = 1_000_000 + Duration.toMillis("1 hour")

const isOldEvent = ({ appendedAt }: State.EventRow): boolean => appendedAt < oldest
