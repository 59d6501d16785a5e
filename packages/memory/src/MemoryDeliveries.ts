/**
 * Deliveries. A claim passes over rows that another transaction has locked, and
 * tells heads by what is committed when it takes them, so whoever settles a head
 * makes the next of its key one by committing.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Consumers from "@tidemark/core/ports/Consumers"
import type * as Deliveries from "@tidemark/core/ports/Deliveries"
import * as Listing from "@tidemark/core/ports/Listing"
import type { StoreError } from "@tidemark/core/ports/StoreError"
import * as Database from "./Database.ts"
import * as Owed from "./Owed.ts"
import * as State from "./State.ts"
import * as Statement from "./Statement.ts"

/** @category constructors @since 0.1.0 */
export const make = (connection: Database.Connection): Deliveries.Deliveries["Service"] => ({
  claim: (options) =>
    Statement.writeAlone(connection, "Deliveries.claim", Owed.everybody, (statement) =>
      Effect.clockWith((clock) => Effect.sync(() => claim(statement, options, clock.currentTimeMillisUnsafe())))
    ),
  settle: (settlements) =>
    Statement.writeAlone(connection, "Deliveries.settle", Owed.everybody, (statement) =>
      eachOf(
        statement,
        settlements.map((one) => ({ ...one.held, verdict: one.verdict })),
        (row, { verdict }, now) => settle(statement, row, verdict, now)
      )
    ),
  acknowledge: (held) =>
    Statement.write(connection, "Deliveries.acknowledge", held[0].tenant, (statement) =>
      eachOf(statement, held, (row, _, now) => settle(statement, row, { _tag: "Ack" }, now))
    ),
  renew: (held, lease) =>
    Statement.writeAlone(connection, "Deliveries.renew", Owed.everybody, (statement) =>
      eachOf(statement, held, (row, _, now) => {
        Statement.put(statement, "deliveries", keyOf(row), { ...row, dueAt: now + Duration.toMillis(lease) })
      })
    ),
  backlog: Effect.flatMap(Clock.currentTimeMillis, (now) =>
    Statement.read(connection, "Deliveries.backlog", Owed.everybody, (view) => backlog(view, now))
  )
})

// -----------------------------------------------------------------------------
// internal: claims
// -----------------------------------------------------------------------------

/** Leases what can be handed out, in one step. */
const claim = (
  statement: Statement.Statement,
  options: Deliveries.ClaimOptions,
  now: number
): ReadonlyArray<Deliveries.Delivery> => {
  const { database } = statement.session
  const view = Owed.latest(statement)
  const hosted = hostedBy(view, options)
  const ready = Owed.heads(view)
    .filter(
      (row) =>
        row.dueAt <= now &&
        row.event.direction === options.direction &&
        row.event.version <= (hosted.get(row.consumer)?.versions[row.event.type] ?? 0) &&
        !database.locks.has(Statement.address("deliveries", keyOf(row)))
    )
    .toSorted((a, b) => a.position - b.position || a.consumer - b.consumer)
  const limit = Listing.limitOf(options)
  const dueAt = now + Duration.toMillis(options.lease)
  return inTurn(database, ready, limit).map((row) => {
    const { attempts, epoch, ...rest } = row
    const held = { ...rest, epoch: epoch + 1, attempts: attempts + 1, dueAt, isHeld: true }
    Statement.put(statement, "deliveries", keyOf(row), held)
    return {
      tenant: row.event.tenant,
      consumer: hosted.get(row.consumer)!.consumer,
      position: row.position,
      epoch: held.epoch,
      event: row.event,
      attempt: held.attempts,
      isLate: row.isLate
    }
  })
}

/** By number, of active consumers. */
const hostedBy = (view: State.View, { hosted }: Deliveries.ClaimOptions): ReadonlyMap<number, Deliveries.Hosted> => {
  const byName = new Map(hosted.map((one) => [one.consumer, one]))
  return new Map(
    Owed.consumers(view).flatMap((row) => {
      const one = byName.get(row.name)
      return one === undefined || Owed.statusOf(row) !== "Active" ? [] : [[row.number, one] as const]
    })
  )
}

/** One of each tenant after the other; who had a turn longest ago begins. */
const inTurn = (
  database: Database.Database,
  rows: ReadonlyArray<Owed.DeliveryRow>,
  limit: number
): ReadonlyArray<Owed.DeliveryRow> => {
  const turn = (tenant: string): number => database.sequences.get(`turn of ${tenant}`) ?? 0
  const queues = Object.entries(Object.groupBy(rows, ({ event }) => event.tenant))
    .toSorted(([a], [b]) => turn(a) - turn(b) || (a < b ? -1 : 1))
    .map(([tenant, queue]) => ({ tenant, queue: queue ?? [] }))
  const taken: Array<Owed.DeliveryRow> = []
  for (let round = 0; taken.length < Math.min(limit, rows.length); round++) {
    for (const { queue, tenant } of queues) {
      const row = queue[round]
      if (row === undefined || taken.length >= limit) continue
      taken.push(row)
      database.sequences.set(`turn of ${tenant}`, Database.next(database, "turn"))
    }
  }
  return taken
}

// -----------------------------------------------------------------------------
// internal: settlements
// -----------------------------------------------------------------------------

const keyOf = ({ consumer, event, position }: Owed.DeliveryRow): string => Owed.key(event.tenant, consumer, position)

/** Does something to each delivery that is still held as told, in one order of locks. Answers which. */
const eachOf = Effect.fnUntraced(function* <H extends Deliveries.Held>(
  statement: Statement.Statement,
  all: ReadonlyArray<H>,
  act: (row: Owed.DeliveryRow, held: H, now: number) => void
): Effect.fn.Return<ReadonlyArray<Deliveries.Held>, StoreError> {
  const numbers = new Map(Owed.consumers(Owed.latest(statement)).map(({ name, number }) => [name, number]))
  const sorted = all
    .map((held) => ({ held, key: Owed.key(held.tenant, numbers.get(held.consumer) ?? 0, held.position) }))
    .toSorted((a, b) => (a.key < b.key ? -1 : 1))
  const accepted: Array<Deliveries.Held> = []
  for (const { held, key } of sorted) {
    const row = yield* Statement.lock(statement, "deliveries", key)
    if (row === undefined || !row.isHeld || row.epoch !== held.epoch) continue
    act(row, held, yield* Clock.currentTimeMillis)
    const { consumer, epoch, position, tenant } = held
    accepted.push({ tenant, consumer, position, epoch })
  }
  return accepted
})

const settle = (
  statement: Statement.Statement,
  row: Owed.DeliveryRow,
  verdict: Deliveries.Verdict,
  now: number
): void => {
  const key = keyOf(row)
  const { attempts, consumer, epoch, event, position } = row
  switch (verdict._tag) {
    case "Ack": {
      Statement.put(statement, "deliveries", key, undefined)
      Statement.put(statement, "receipts", key, { consumer, position, event: event.id, at: now, skipped: undefined })
      return
    }
    case "DeadLetter": {
      const { error } = verdict
      const order = Database.next(statement.session.database, "dead letter")
      Statement.put(statement, "deliveries", key, undefined)
      const letter = { consumer, position, event, order, epoch, attempts, error, diedAt: now }
      Statement.put(statement, "deadLetters", key, letter)
      return
    }
    case "Retry": {
      const dueAt = now + Duration.toMillis(verdict.after)
      Statement.put(statement, "deliveries", key, { ...row, isHeld: false, dueAt, error: verdict.error })
      return
    }
    case "Release":
      Statement.put(statement, "deliveries", key, { ...row, isHeld: false, dueAt: now, attempts: attempts - 1 })
  }
}

// -----------------------------------------------------------------------------
// internal: backlog
// -----------------------------------------------------------------------------

const backlog = (view: State.View, now: number): ReadonlyArray<Deliveries.Backlog> => {
  const known = Owed.consumers(view).filter(({ isRetired }) => !isRetired)
  const names = new Map(known.map(({ name, number }) => [number, name]))
  const first = new Set(Owed.heads(view))
  const letters = State.scan(view, "deadLetters").map(([, row]) => row)
  const rows = State.scan(view, "deliveries").map(([, row]) => row)
  const groups = Object.values(
    Object.groupBy([...rows, ...letters], ({ consumer, event }) =>
      State.key(Owed.everybody, String(consumer), event.direction)
    )
  )
  return groups
    .flatMap((group = []): ReadonlyArray<Deliveries.Backlog> => {
      const [one] = group
      const consumer = one === undefined ? undefined : names.get(one.consumer)
      if (one === undefined || consumer === undefined) return []
      const own = group.filter((row): row is Owed.DeliveryRow => "dueAt" in row)
      const ahead = own.filter((row) => first.has(row))
      const ready = ahead.filter(({ dueAt }) => dueAt <= now)
      const count = (rows: ReadonlyArray<unknown>) => Math.min(rows.length, Consumers.waitingMax)
      return [
        {
          consumer,
          direction: one.event.direction,
          ready: count(ready),
          delayed: count(ahead.filter((row) => row.dueAt > now && !row.isHeld)),
          held: count(ahead.filter((row) => row.dueAt > now && row.isHeld)),
          behind: count(own.filter((row) => !first.has(row))),
          failing: count(ahead.filter(Owed.isFailing)),
          dead: count(group.filter((row) => "diedAt" in row)),
          lag: ready.reduce((lag, { dueAt }) => Math.max(lag, now - dueAt), 0)
        }
      ]
    })
    .toSorted((a, b) =>
      a.consumer === b.consumer ? (a.direction < b.direction ? -1 : 1) : a.consumer < b.consumer ? -1 : 1
    )
}
