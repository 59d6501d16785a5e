/**
 * A source of your own: the contacts of a small HTTP API.
 *
 * The API lists contacts by the time they were modified, then by id, after a given
 * pair of both. A deleted contact stays in the list, as `null`. Each answer says what
 * time it is there, and whether there is more.
 */
import { type ChangeSource, CursorRule, Observation, Pagination, Version, Windowing } from "@tidemark/core"
import { Array, Duration, Effect, Result, Schema, Stream } from "effect"
import * as Directory from "./Directory.ts"

export const Contact = Schema.Struct({ name: Schema.String, email: Schema.NullOr(Schema.String) })
export type Contact = typeof Contact.Type

export const Position = Schema.Struct({ modified: Schema.Int, id: Schema.String })
export type Position = typeof Position.Type

/** In ms since the epoch, by the clock of the directory. */
export const timeOf = ({ modified }: Position): number => modified

const compare = (a: Position, b: Position): number =>
  a.modified - b.modified || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)

export const rule = CursorRule.make({ codec: Position, positions: "Unique", resume: "Exclusive", order: compare })

export interface Options extends Directory.Options {
  /** Most contacts of a page. */
  readonly limit: number
}

export const make = Effect.fnUntraced(function* ({ limit, ...options }: Options) {
  const ask = yield* Directory.make(options)

  const read = ({ from, settle }: ChangeSource.ReadOptions<Position>) =>
    Stream.suspend(() => {
      let window: Windowing.Window | undefined
      let safe: Position | undefined
      const page = ({ contacts, more, now }: typeof Listing.Type) => {
        window ??= Windowing.make({ startedAt: now, settle: Duration.toMillis(settle) })
        if (from !== undefined && timeOf(from) <= window.horizon) safe ??= from
        const observations: globalThis.Array<Observation.Definite<Contact, Position>> = []
        for (const row of contacts) {
          safe = Windowing.cap(window, timeOf, safe, { modified: row.modified, id: row.id })
          observations.push(observe(row, safe, now))
        }
        const end: Position = { modified: window.horizon, id: "" }
        const before = safe ?? from
        const isAhead = before === undefined || compare(end, before) > 0
        return { observations, mark: !more && isAhead ? { position: end } : undefined }
      }
      return Pagination.stream({
        source: Directory.label,
        ask: (after = from === undefined ? "" : textOf(from)) =>
          Effect.map(ask("/contacts", { after, limit: String(limit) }, Listing), (listing) => {
            const last = listing.contacts.at(-1)
            return { page: page(listing), next: listing.more ? (last === undefined ? after : textOf(last)) : undefined }
          })
      })
    }).pipe(Stream.filter(({ mark, observations }) => observations.length > 0 || mark !== undefined))

  const fetch = Effect.fnUntraced(function* (ids: Array.NonEmptyReadonlyArray<Observation.ExternalId>) {
    const found = new Map<Observation.ExternalId, ChangeSource.Fetched<Contact>>()
    for (const some of Array.chunksOf(ids, 100)) {
      const { contacts, now } = yield* ask("/contacts", { ids: some.join(",") }, Listing)
      for (const row of contacts) {
        const one = observe(row, undefined, now)
        if (one._tag === "Unreadable") return yield* Directory.failed("Malformed", `${row.id}: ${one.message}`)
        if (one._tag === "Upsert") found.set(row.id, one)
      }
    }
    return found
  })

  const account = Effect.map(ask("/me", {}, Me), ({ account }) => account)
  const { label } = Directory
  return { label, domain, epoch: 0, rule, account, read, fetch } satisfies ChangeSource.ChangeSource<Contact, Position>
})

const domain = "directory/modified"

const Row = Schema.Struct({ id: Observation.ExternalId, modified: Schema.Int, contact: Schema.NullOr(Schema.Json) })
const Listing = Schema.Struct({ now: Schema.Int, contacts: Schema.Array(Row), more: Schema.Boolean })
const Me = Schema.Struct({ account: Schema.String })

const textOf = ({ id, modified }: Position): string => `${modified},${id}`

const observe = (
  { contact, id, modified }: typeof Row.Type,
  position: Position | undefined,
  now: number
): Observation.Definite<Contact, Position> => {
  const version = Version.make({ domain, value: String(modified).padStart(15, "0"), at: modified, observedAt: now })
  const base = { externalId: id, position, origin: "Poll", version } as const
  if (contact === null) return { _tag: "Delete", ...base, evidence: { _tag: "Tombstone" }, observedAt: now }
  return Result.match(Schema.decodeUnknownResult(Contact)(contact), {
    onSuccess: (record) => ({ _tag: "Upsert", ...base, record }),
    onFailure: ({ message }) => ({ _tag: "Unreadable", ...base, raw: contact, message })
  })
}
