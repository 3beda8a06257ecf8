"""What the script of Grafana's role takes back first: attributes, settings, memberships, grants.

Each is asked for by what the server's catalogue holds, and only where it is there: a managed
PostgreSQL, such as RDS, refuses `ALTER ROLE ... NOSUPERUSER` to the owner of a database even where
it would change nothing. What only a superuser may take back is left with a warning, so that the
rest of the script holds; `audit.role` of a verification then says what is left.
"""

from __future__ import annotations

from typing import Final

ATTRIBUTES: Final = {
    "SUPERUSER": "rolsuper",
    "CREATEROLE": "rolcreaterole",
    "CREATEDB": "rolcreatedb",
    "BYPASSRLS": "rolbypassrls",
    "REPLICATION": "rolreplication",
}
"""Attributes of a role beside those of logging in, and their columns in `pg_roles`."""

_OF_TABLES: Final = "'table', 'view', 'materialized view', 'foreign table'"
_DEFAULTS: Final = {"r": "TABLES", "S": "SEQUENCES", "f": "ROUTINES", "T": "TYPES", "n": "SCHEMAS"}


def revokes(role: str) -> str:
    """Return the statements, for psql, that leave a role that is there nothing but its name.

    Args:
        role: A plain identifier.
    """
    attributes = ", ".join(f"('{name}', {column})" for name, column in ATTRIBUTES.items())
    kinds = " ".join(f"WHEN '{kind}' THEN '{name}'" for kind, name in _DEFAULTS.items())
    return f"""\
DO $$
DECLARE
  step text;
  me oid := (SELECT oid FROM pg_roles WHERE rolname = '{role}');
BEGIN
  FOR step IN
    SELECT 'ALTER ROLE {role} NO' || attribute
      FROM pg_roles, LATERAL (VALUES {attributes}) AS held(attribute, is_held)
      WHERE oid = me AND is_held
    UNION ALL
    SELECT 'ALTER ROLE {role} RESET ALL'
    UNION ALL
    SELECT format('ALTER ROLE {role} IN DATABASE %I RESET ALL', datname)
      FROM pg_db_role_setting JOIN pg_database d ON d.oid = setdatabase WHERE setrole = me
    UNION ALL
    SELECT format('REVOKE %I FROM {role}', granted.rolname)
      FROM pg_auth_members JOIN pg_roles granted ON granted.oid = roleid WHERE member = me
    UNION ALL
    -- Grants on anything in this database, on columns too, and on databases and tablespaces.
    SELECT DISTINCT format('REVOKE ALL ON %s %s FROM {role} CASCADE',
        CASE WHEN o.type IN ({_OF_TABLES}) THEN 'TABLE'
          WHEN o.type IN ('function', 'procedure', 'aggregate') THEN 'ROUTINE'
          WHEN o.type = 'foreign-data wrapper' THEN 'FOREIGN DATA WRAPPER'
          WHEN o.type = 'server' THEN 'FOREIGN SERVER'
          WHEN o.type = 'parameter ACL' THEN 'PARAMETER'
          ELSE upper(o.type) END,
        o.identity)
      FROM pg_shdepend s, LATERAL pg_identify_object(s.classid, s.objid, 0) AS o
      WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = me AND s.deptype = 'a'
        AND s.dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
        AND s.classid <> 'pg_default_acl'::regclass
    UNION ALL
    SELECT format('ALTER DEFAULT PRIVILEGES FOR ROLE %I %s REVOKE ALL ON %s FROM {role} CASCADE',
        maker.rolname, 'IN SCHEMA ' || quote_ident(nspname),
        CASE defaclobjtype {kinds} ELSE 'LARGE OBJECTS' END)
      FROM pg_default_acl JOIN pg_roles maker ON maker.oid = defaclrole
      LEFT JOIN pg_namespace n ON n.oid = defaclnamespace,
      LATERAL aclexplode(defaclacl) AS held WHERE held.grantee = me
  LOOP
    BEGIN
      EXECUTE step;
    EXCEPTION WHEN insufficient_privilege THEN
      RAISE WARNING 'left, as it takes another: %: %', step, SQLERRM;
    END;
  END LOOP;
END $$;
"""  # noqa: S608 (the role is a plain identifier)
