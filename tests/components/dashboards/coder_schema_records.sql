-- What came with the tables of the agent firewall's own records, after Coder v2.34: migration 511 and
-- those beside it, as coderd/database declares them.
ALTER TABLE boundary_sessions ADD COLUMN owner_id uuid;
ALTER TABLE aibridge_interceptions
    ADD COLUMN agent_firewall_session_id uuid,
    ADD COLUMN agent_firewall_sequence_number integer;

CREATE TABLE boundary_logs (
    id uuid NOT NULL PRIMARY KEY,
    session_id uuid NOT NULL,
    owner_id uuid,
    sequence_number integer NOT NULL,
    captured_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    proto text NOT NULL,
    method text NOT NULL,
    detail text NOT NULL,
    matched_rule text
);
