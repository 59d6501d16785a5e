/**
 * A position in a simulated world. One shape serves sources of every kind: a
 * stamp, a stamp and an id, a place in a walk, a number of announcements.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import type * as CursorRule from "@tidemark/core/model/CursorRule"
import * as CursorRules from "@tidemark/core/model/CursorRule"
import * as World from "./World.ts"

/** @category schemas @since 0.1.0 */
export const Place = Schema.Struct({
  /** A stamp, or a number of announcements. */
  at: Schema.Finite,
  /** The id read last: among those of one stamp, or in a walk by id. */
  id: Schema.optionalKey(Schema.String),
  /** Source time at which the walk under way began, in ms. */
  walk: Schema.optionalKey(Schema.Finite)
})
/** @category models @since 0.1.0 */
export type Place = typeof Place.Type

/** Where a world is read from when nothing says otherwise. @category constructors @since 0.1.0 */
export const beginning: Place = { at: 0 }

/** By stamp, then by id; a place without an id comes before all ids of its stamp. @category ordering @since 0.1.0 */
export const compare = (a: Place, b: Place): number => a.at - b.at || World.compareText(a.id ?? "", b.id ?? "")

/** A rule over places, without an order unless one is given. @category constructors @since 0.1.0 */
export const rule = (
  options: Pick<CursorRule.CursorRule<Place>, "positions" | "resume"> & Partial<CursorRule.CursorRule<Place>>
): CursorRule.CursorRule<Place> => CursorRules.make<Place>({ codec: Place, ...options })
