/** Wrong stores of events, made by changing the memory store in one place. */
import * as Arr from "effect/Array"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import * as Layer from "effect/Layer"
import type * as Event from "@tidemark/core/model/Event"
import * as Consumers from "@tidemark/core/ports/Consumers"
import * as Counters from "@tidemark/core/ports/Counters"
import * as DeadLetters from "@tidemark/core/ports/DeadLetters"
import * as Deliveries from "@tidemark/core/ports/Deliveries"
import * as EventLog from "@tidemark/core/ports/EventLog"
import * as Inbox from "@tidemark/core/ports/Inbox"
import * as Outbox from "@tidemark/core/ports/Outbox"
import * as EventStore from "@tidemark/laws/events/EventStore"
import type * as Database from "@tidemark/memory/Database"
import * as Db from "@tidemark/memory/Database"
import * as Memory from "@tidemark/memory/Memory"
import type * as Owed from "@tidemark/memory/Owed"
import * as Session from "@tidemark/memory/Session"
import { apart, type Patch, replace, type Services } from "./wrongPatch.ts"

/** The memory store with something changed in it. */
export const store = (patch: Patch): EventStore.EventStore<Memory.Services> => ({
  ...EventStore.memory,
  layer: Layer.effectContext(Effect.map(Layer.build(Layer.fresh(Memory.layer())), patch))
})

type Claim = Deliveries.Deliveries["Service"]["claim"]

const claims = (change: (right: Claim, database: Database.Database) => Claim): Patch =>
  replace(Deliveries.Deliveries, ({ claim }, all) => {
    const changed = change(claim, databaseOf(all))
    return { claim: (options) => Effect.suspend(() => changed(options)) }
  })

const databaseOf = (all: Services): Database.Database => Context.get(all, Memory.Store).connection.database

const rewrite = (database: Database.Database, to: (row: Owed.DeliveryRow, key: string) => Owed.DeliveryRow) => {
  const { tables } = database.state
  database.state = { ...database.state, tables: { ...tables, deliveries: HashMap.map(tables.deliveries, to) } }
}

const reread = (database: Database.Database, held: Deliveries.Held) =>
  [...HashMap.values(database.state.tables.deliveries)].find(
    ({ event, position }) => position === held.position && event.tenant === held.tenant
  )

/** A log that reads whatever is committed, and knows no horizon. */
const committedBehind = (
  database: Database.Database,
  { after, limit = 100 }: { after: number; limit?: number | undefined }
) => {
  const events = [...HashMap.values(database.state.tables.events)]
    .map(({ event, order }) => ({ position: order, event }))
    .filter(({ position }) => position > after)
    .toSorted((a, b) => a.position - b.position)
    .slice(0, limit)
  return { events, position: events.at(-1)?.position ?? after, horizon: after, lag: 0, holder: undefined }
}

export const wrongDeliveries = {
  /** A log is read behind the last position that was seen. */
  offsetLog: replace(EventLog.EventLog, (_, all) => ({
    read: (options) => Effect.sync(() => committedBehind(databaseOf(all), options))
  })),
  /** A log is read one place behind the last event that was appended, as if all but the newest were committed. */
  almostOffsetLog: replace(EventLog.EventLog, (_, all) => ({
    read: (options) =>
      Effect.sync(() => {
        const { events, ...piece } = committedBehind(databaseOf(all), options)
        const newest = databaseOf(all).sequences.get("event") ?? 0
        const older = events.filter(({ position }) => position < newest)
        return { ...piece, events: older, position: older.at(-1)?.position ?? options.after }
      })
  })),
  /** A horizon that a reader asks for after it looked. */
  horizonAfterwards: replace(EventLog.EventLog, (right, all) => ({
    read: (options) =>
      Effect.gen(function* () {
        const { events } = committedBehind(databaseOf(all), options)
        yield* Effect.yieldNow
        const { horizon } = yield* right.read(options)
        const safe = events.filter(({ position }) => position <= horizon)
        return { events: safe, position: Math.max(options.after, horizon), horizon, lag: 0, holder: undefined }
      })
  })),
  /** A reader goes on behind the last position it saw. */
  offsetReader: claims((right, database) => {
    const last = new Map<string, number>()
    return (options) =>
      Effect.map(right(options), (claimed) => {
        const fresh = claimed.filter((one) => one.attempt > 1 || one.position > (last.get(one.consumer) ?? 0))
        const passed = new Set(claimed.filter((one) => !fresh.includes(one)).map(({ position }) => position))
        for (const one of fresh) last.set(one.consumer, Math.max(last.get(one.consumer) ?? 0, one.position))
        rewrite(database, (row) => (passed.has(row.position) ? { ...row, dueAt: Infinity } : row))
        return fresh
      })
  }),
  /** Whatever is due is handed out. */
  noHeads: claims(
    (right, database) => (options) =>
      Effect.gen(function* () {
        const late = new Set([...HashMap.values(database.state.tables.deliveries)].filter(({ isLate }) => isLate))
        const isLate = ({ consumer, position }: { readonly consumer: number; readonly position: number }) =>
          [...late].some((row) => row.consumer === consumer && row.position === position)
        rewrite(database, (row) => ({ ...row, isLate: true }))
        const claimed = yield* right(options)
        rewrite(database, (row) => ({ ...row, isLate: isLate(row) }))
        return claimed.map((one) => ({
          ...one,
          isLate: [...late].some(({ event, position }) => event.id === one.event.id && position === one.position)
        }))
      })
  ),
  /** Attempts are counted when somebody says that one failed. */
  countsFailures: claims((right, database) => {
    return (options) =>
      Effect.map(right(options), (claimed) => {
        const own = new Set(claimed.map(({ position }) => position))
        rewrite(database, (row) => (own.has(row.position) && row.isHeld ? { ...row, attempts: row.attempts - 1 } : row))
        return claimed
      })
  }),
  /** What waits behind the head is counted with it. */
  countsUnseen: claims(
    (right, database) => (options) =>
      Effect.map(right(options), (claimed) => {
        if (claimed.length > 0) rewrite(database, (row) => (row.isHeld ? row : { ...row, attempts: row.attempts + 1 }))
        return claimed
      })
  ),
  /** A lease never runs out. */
  neverTakesOver: claims((right) => (options) => right({ ...options, lease: "1 day" as never })),
  /** A lease holds nobody off. */
  takesOverEarly: claims((right, database) => (options) => {
    rewrite(database, (row) => (row.isHeld ? { ...row, dueAt: 0 } : row))
    return right(options)
  }),
  /** The tenant with the oldest events comes first. */
  oneTenantFirst: claims((right, database) => (options) => {
    for (const name of database.sequences.keys()) if (name.startsWith("turn")) database.sequences.delete(name)
    const tenants = [...HashMap.values(database.state.tables.deliveries)].map(({ event }) => event.tenant).toSorted()
    const { tables } = database.state
    const own = HashMap.filter(tables.deliveries, ({ event }) => event.tenant === tenants[0])
    database.state = { ...database.state, tables: { ...tables, deliveries: own } }
    return Effect.tap(right(options), () =>
      Effect.sync(() => {
        const after = HashMap.union(tables.deliveries, database.state.tables.deliveries)
        database.state = { ...database.state, tables: { ...database.state.tables, deliveries: after } }
      })
    )
  }),
  /** Events of any version are handed out. */
  anyVersion: claims((right) => (options) => {
    const [first, ...rest] = options.hosted
    const any = (one: Deliveries.Hosted): Deliveries.Hosted => ({
      ...one,
      versions: Object.fromEntries(Object.keys(one.versions).map((type) => [type, 99]))
    })
    return right({ ...options, hosted: [any(first), ...rest.map(any)] })
  }),
  /** A settlement is accepted from whoever held the delivery once. */
  noEpoch: replace(Deliveries.Deliveries, (right, all) => {
    const current = (held: Deliveries.Held): Deliveries.Held => {
      const row = reread(databaseOf(all), held)
      return row === undefined ? held : { ...held, epoch: row.epoch }
    }
    return {
      settle: ([first, ...rest]) => {
        const held = (one: Deliveries.Settlement) => ({ ...one, held: current(one.held) })
        return Effect.map(right.settle([held(first), ...rest.map(held)]), (accepted) =>
          [first, ...rest].flatMap((one) =>
            accepted.some((it) => it.position === one.held.position) ? [one.held] : []
          )
        )
      },
      acknowledge: (held) => Effect.as(right.acknowledge(Arr.map(held, current)), held)
    }
  }),
  /** An acknowledgement is a transaction of its own. */
  acknowledgesApart: replace(Deliveries.Deliveries, (right, all) => ({
    acknowledge: (held) => apart(all, held[0].tenant, right.acknowledge(held))
  })),
  /** A dead letter is the end. */
  neverRedrives: replace(DeadLetters.DeadLetters, () => ({ redrive: () => Effect.succeed(0) })),
  /** What is redriven stays a dead letter. */
  redrivesTwice: replace(DeadLetters.DeadLetters, (right, all) => ({
    redrive: (selection, by, limit) => {
      const database = databaseOf(all)
      const { deadLetters } = database.state.tables
      return Effect.tap(right.redrive(selection, by, limit), () =>
        Effect.sync(() => {
          database.state = { ...database.state, tables: { ...database.state.tables, deadLetters } }
        })
      )
    }
  })),
  /** What is redriven does not say so. */
  redrivesInLine: replace(DeadLetters.DeadLetters, (right, all) => ({
    redrive: (selection, by, limit) =>
      Effect.tap(right.redrive(selection, by, limit), () =>
        Effect.sync(() => rewrite(databaseOf(all), (row) => ({ ...row, isLate: false })))
      )
  })),
  /** A redriven delivery counts its claims anew. */
  forgetsEpochs: replace(DeadLetters.DeadLetters, (right, all) => ({
    redrive: (selection, by, limit) =>
      Effect.tap(right.redrive(selection, by, limit), () =>
        Effect.sync(() =>
          rewrite(databaseOf(all), (row) => (row.isLate && row.attempts === 0 ? { ...row, epoch: 0 } : row))
        )
      )
  })),
  /** Appends do not keep their share of the lock, so a registration does not wait for them. */
  registersUnlocked: replace(Outbox.Outbox, (right) => ({
    append: (tenant, events) => Effect.tap(right.append(tenant, events), letGo)
  })),
  /** Who retires stays owed what it was. */
  retiresInName: replace(Consumers.Consumers, (right, all) => ({
    change: (name, change, by) => {
      const { deliveries } = databaseOf(all).state.tables
      return Effect.tap(right.change(name, change, by), () =>
        Effect.sync(() => {
          const database = databaseOf(all)
          database.state = { ...database.state, tables: { ...database.state.tables, deliveries } }
        })
      )
    }
  })),
  /** Who is to retire only when nothing waits retires whatever waits. */
  retiresDespite: replace(Consumers.Consumers, (right) => ({
    change: (name, change, by) => right.change(name, change._tag === "Retire" ? { _tag: "Retire" } : change, by)
  })),
  /** Any delivery is skipped, also one that waits for another. */
  skipsAhead: replace(DeadLetters.DeadLetters, (right, all) => ({
    skip: (id, reason, by) =>
      Effect.suspend(() => {
        const position = DeadLetters.fromId(id)?.position
        rewrite(databaseOf(all), (row) => (row.position === position ? { ...row, isLate: true } : row))
        return right.skip(id, reason, by)
      })
  })),
  /** What processes died with is not told. */
  forgetsCrashes: replace(DeadLetters.DeadLetters, (right) => ({
    failing: (options) =>
      Effect.map(right.failing(options), (failing) => failing.filter(({ error }) => error !== undefined))
  })),
  /** A piece begins with the entry that the last one ended with. */
  repeatsPieces: replace(DeadLetters.DeadLetters, (right) => ({
    failing: (options) => right.failing({ ...options, after: undefined })
  })),
  /** What fails is not counted. */
  countsNoFailures: replace(Deliveries.Deliveries, (right) => ({
    backlog: Effect.map(right.backlog, (all) => all.map((one) => ({ ...one, failing: 0 })))
  })),
  /** A consumer that is paused gets events. */
  neverPauses: replace(Consumers.Consumers, (right) => ({
    change: (name, change, by) => right.change(name, change._tag === "Pause" ? { _tag: "Resume" } : change, by)
  })),
  /** A consumer gets nothing of what it missed. */
  missesThePast: replace(Consumers.Consumers, (right) => ({
    register: (declaration) => right.register({ ...declaration, start: "Now" })
  })),
  /** What a consumer is given while it is activated is given again. */
  activatesAnew: replace(Consumers.Consumers, (right, all) => ({
    activate: (name, limit) => {
      const { database } = Context.get(all, Memory.Store).connection
      const before = database.state.tables.receipts
      return Effect.tap(right.activate(name, limit), () =>
        Effect.sync(() => {
          if (HashMap.size(before) === 0) return
          database.state = { ...database.state, tables: { ...database.state.tables, receipts: HashMap.empty() } }
        })
      )
    }
  })),
  /** Events are appended in a transaction of their own. */
  eventsApart: replace(Outbox.Outbox, (right, all) => ({
    append: (tenant, events) => apart(all, tenant, right.append(tenant, events))
  })),
  /** Events are the tenant's who appends them. */
  takesForeign: replace(Outbox.Outbox, (right) => ({
    append: (tenant, [first, ...rest]) => {
      const own = (event: Event.Event): Event.Event => ({ ...event, tenant })
      return right.append(tenant, [own(first), ...rest.map(own)])
    }
  })),
  /** An event whose id is known is passed over, whatever it says. */
  passesOver: replace(Outbox.Outbox, (right, all) => ({
    append: (tenant, events) => {
      const known = databaseOf(all).state.tables.events
      const [first, ...rest] = events.filter(({ id }) => !HashMap.has(known, JSON.stringify([tenant, id])))
      return first === undefined ? Effect.void : right.append(tenant, [first, ...rest])
    }
  })),
  /** An event that is appended again is another event. */
  appendsAnew: replace(Outbox.Outbox, (right) => {
    let number = 0
    const anew = (event: Event.Event): Event.Event => ({ ...event, id: `${event.id}#${(number += 1)}` })
    return { append: (tenant, [first, ...rest]) => right.append(tenant, [anew(first), ...rest.map(anew)]) }
  }),
  /** Numbers are taken without a lock, as those of a sequence. */
  numbersApart: replace(Counters.Counters, (right, all) => ({
    take: (tenant, wanted) => apart(all, tenant, right.take(tenant, wanted))
  })),
  /** A message is marked before its effect, in a transaction of its own. */
  marksBefore: replace(Inbox.Inbox, (right, all) => ({
    begin: (message) => apart(all, message.tenant, right.begin(message)) as never
  })),
  /** A message is looked up, and marked behind its effect by nobody. */
  looksOnly: replace(Inbox.Inbox, (_, all) => ({
    begin: (message) =>
      Effect.sync(
        () =>
          !HashMap.has(
            databaseOf(all).state.tables.inbox,
            JSON.stringify([message.tenant, message.consumer, message.id])
          )
      )
  })),
  /** Ids of messages are the same to all tenants. */
  oneTenant: replace(Inbox.Inbox, (right) => {
    const seen = new Map<string, string>()
    return {
      begin: (message) => {
        const key = JSON.stringify([message.consumer, message.id])
        const tenant = seen.get(key) ?? message.tenant
        seen.set(key, tenant)
        return tenant === message.tenant ? right.begin(message) : Effect.succeed(false)
      }
    }
  }),
  /** Contents are not compared. */
  forgetsContents: replace(Inbox.Inbox, (right) => ({
    begin: (message) => right.begin({ ...message, digest: undefined }),
    claim: (message, lease) => right.claim({ ...message, digest: undefined }, lease)
  })),
  /** Whoever claimed a message finishes it. */
  finishesLate: replace(Inbox.Inbox, (right, all) => ({
    finish: (claim) => {
      const row = HashMap.get(
        databaseOf(all).state.tables.inbox,
        JSON.stringify([claim.tenant, claim.consumer, claim.id])
      )
      return right.finish(row._tag === "Some" ? { ...claim, epoch: row.value.epoch } : claim)
    }
  })),
  /** A claim that was lost is never given again. */
  strands: replace(Inbox.Inbox, (right) => ({
    claim: (message) => right.claim(message, "1 day" as never)
  }))
} satisfies Record<string, Patch>

/** Gives up the share of the lock at once. */
const letGo = Effect.flatMap(Session.Current, (session) =>
  Effect.sync(() => {
    if (session === undefined) return
    const kept = session.locks.filter((lock) => !lock.address.startsWith("appends of "))
    for (const lock of session.locks.splice(0)) if (!kept.includes(lock)) Db.release(session.database, lock)
    session.locks.push(...kept)
  })
)
