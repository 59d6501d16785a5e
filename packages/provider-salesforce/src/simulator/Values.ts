/**
 * The values of a record as the server stores them.
 *
 * @since 0.1.0
 */
import * as Catalog from "./Catalog.ts"
import type * as Field from "./Field.ts"

const blanks: ReadonlyMap<Catalog.Entity, Field.Values> = new Map(
  Catalog.entities.map((entity) => [
    entity,
    Object.fromEntries(Catalog.stored(entity).map(({ name, type }) => [name, type === "boolean" ? false : null]))
  ])
)

/** A record nobody filled in: nothing anywhere, `false` for what is true or false. @category constructors @since 0.1.0 */
export const empty = (entity: Catalog.Entity): Field.Values => blanks.get(entity) ?? {}

/**
 * The values with those the server computes: the full name of a contact, and
 * what follows from the stage of an opportunity.
 *
 * @category combinators
 * @since 0.1.0
 */
export const derived = (entity: Catalog.Entity, values: Field.Values): Field.Values => {
  if (entity === Catalog.contact) {
    return { ...values, Name: [values["FirstName"], values["LastName"]].filter((part) => part !== null).join(" ") }
  }
  if (entity !== Catalog.opportunity) return values
  const stage = String(values["StageName"])
  const probability = Number(values["Probability"] ?? Catalog.stages.get(stage) ?? 0)
  const amount = values["Amount"]
  return {
    ...values,
    Probability: probability,
    ExpectedRevenue: typeof amount === "number" ? Math.round(amount * probability) / 100 : null,
    IsClosed: stage.startsWith("Closed "),
    IsWon: stage === "Closed Won"
  }
}

/**
 * What rows show of a compound address: its parts under their short names;
 * `null` when all are empty (REST API guide, "Compound Fields").
 *
 * @category combinators
 * @since 0.1.0
 */
export const address = (field: Field.Field, values: Field.Values): { readonly [part: string]: unknown } | null => {
  const prefix = field.name.replace(/Address$/, "")
  const part = (name: string) => values[`${prefix}${name}`] ?? null
  const parts = {
    city: part("City"),
    country: part("Country"),
    geocodeAccuracy: null,
    latitude: null,
    longitude: null,
    postalCode: part("PostalCode"),
    state: part("State"),
    street: part("Street")
  }
  return Object.values(parts).every((value) => value === null) ? null : parts
}
