/**
 * Links: one row for each pair of records and type.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Subscription from "@tidemark/core/model/Subscription"
import type * as Links from "@tidemark/core/ports/Links"
import * as Listing from "@tidemark/core/ports/Listing"
import * as Database from "./Database.ts"
import * as State from "./State.ts"
import * as Statement from "./Statement.ts"

/** @category constructors @since 0.1.0 */
export const make = (connection: Database.Connection): Links.Links["Service"] => ({
  put: (tenant, links) =>
    Statement.write(
      connection,
      "Links.put",
      tenant,
      Effect.fnUntraced(function* (statement) {
        for (const { key, link } of sorted(tenant, links)) {
          const known = yield* Statement.lock(statement, "links", key)
          const position = known?.position ?? Database.next(connection.database, "link")
          const linkedAt = known?.linkedAt ?? (yield* Clock.currentTimeMillis)
          const { metadata, source, target, type } = link
          Statement.put(statement, "links", key, { source, target, type, metadata, tenant, position, linkedAt })
        }
      })
    ),
  remove: (tenant, links) =>
    Statement.write(
      connection,
      "Links.remove",
      tenant,
      Effect.fnUntraced(function* (statement) {
        for (const { key } of sorted(tenant, links)) yield* Statement.remove(statement, "links", key, () => true)
      })
    ),
  find: (tenant, options = {}) =>
    Statement.read(connection, "Links.find", tenant, (view) => {
      const { after = -Infinity, source, target, type } = options
      return State.scan(view, "links")
        .map(([, row]) => row)
        .filter(
          (row) =>
            row.tenant === tenant &&
            row.position > after &&
            (source === undefined || isSame(row.source, source)) &&
            (target === undefined || isSame(row.target, target)) &&
            (type === undefined || row.type === type)
        )
        .toSorted((a, b) => a.position - b.position)
        .slice(0, Listing.limitOf(options))
        .map(({ linkedAt, metadata, position, source, target, type }) => ({
          source,
          target,
          type,
          metadata,
          position,
          linkedAt
        }))
    })
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** In one order of locks. */
const sorted = <L extends Omit<Links.Link, "metadata">>(tenant: Subscription.TenantId, links: ReadonlyArray<L>) =>
  links
    .map((link) => ({ link, key: keyOf(tenant, link) }))
    .toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))

const keyOf = (tenant: Subscription.TenantId, { source, target, type }: Omit<Links.Link, "metadata">): string =>
  State.key(tenant, source.system, source.entity, source.id, target.system, target.entity, target.id, type)

const isSame = (a: Links.Place, b: Links.Place): boolean =>
  a.system === b.system && a.entity === b.entity && a.id === b.id
