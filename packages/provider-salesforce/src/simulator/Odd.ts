/**
 * Objects that lack what readers like to rely on, shaped as those of real orgs.
 *
 * - `LoginHistory`: no `SystemModstamp`, no other date of a change, never deleted;
 * - `AccountShare`: a `LastModifiedDate` alone, no recycle bin, no replication feeds;
 * - `Group`: a `SystemModstamp`, but what is deleted is told nowhere;
 * - `ActivityHistory`: cannot be queried;
 * - `Wide_Reading__c`: 650 custom fields, whose names together do not fit an address.
 *
 * @since 0.1.0
 */
import * as Catalog from "./Catalog.ts"
import * as Field from "./Field.ts"

/** Custom fields of the wide object. @category constants @since 0.1.0 */
export const widthOfWide = 650

const only = { isReplicated: false, isWritable: false, isQueryable: true, hasBin: false } as const

const id = Catalog.start.filter(({ name }) => name === "Id")
const stamps = Catalog.end.filter(({ type }) => type === "datetime")

/** With how many records there are of each. @category objects @since 0.1.0 */
export const entities: ReadonlyArray<readonly [entity: Catalog.Entity, records: number]> = [
  [
    {
      ...only,
      name: "LoginHistory",
      label: "Login History",
      labelPlural: "Login Histories",
      keyPrefix: "0Ya",
      fields: [
        ...id,
        Field.reference("UserId", "User", { createable: false, updateable: false, nillable: false }),
        Field.system("LoginTime", "datetime"),
        Field.make("LoginType", "string", { createable: false, updateable: false }),
        Field.make("Status", "string", { createable: false, updateable: false })
      ]
    },
    30
  ],
  [
    {
      ...only,
      name: "AccountShare",
      label: "Account Share",
      labelPlural: "Account Share",
      keyPrefix: "00r",
      isWritable: true,
      fields: [
        ...Catalog.start,
        Field.reference("AccountId", "Account", { nillable: false, updateable: false }),
        Field.reference("UserOrGroupId", "User", { nillable: false, updateable: false }),
        Field.picklist("AccountAccessLevel", ["Read", "Edit", "All"]),
        ...stamps.filter(({ name }) => name === "LastModifiedDate")
      ]
    },
    30
  ],
  [
    {
      ...only,
      name: "Group",
      label: "Group",
      labelPlural: "Groups",
      keyPrefix: "00G",
      isWritable: true,
      fields: [...id, Field.make("Name", "string", { length: 40, nameField: true, nillable: false }), ...stamps]
    },
    10
  ],
  [
    {
      ...only,
      name: "ActivityHistory",
      label: "Activity History",
      labelPlural: "Activity History",
      keyPrefix: "0AH",
      isQueryable: false,
      fields: [...id, Field.make("Subject", "string", { createable: false, updateable: false }), ...stamps]
    },
    5
  ],
  [
    {
      ...Catalog.usual,
      name: "Wide_Reading__c",
      label: "Wide Reading",
      labelPlural: "Wide Readings",
      keyPrefix: "aWR",
      fields: [
        ...Catalog.start,
        Field.make("Name", "string", { length: 80, nameField: true, nillable: false }),
        ...Array.from({ length: widthOfWide }, (_, index) =>
          Field.custom({ name: `Measured_Value_Of_Channel_${String(index).padStart(3, "0")}__c`, type: "double" })
        ),
        ...Catalog.end
      ]
    },
    300
  ]
]
