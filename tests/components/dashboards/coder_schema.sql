-- The tables of Coder v2.34 that the dashboards read, with their types, as coderd/database/dump.sql
-- declares them, and one beside them that grafana_ro must not read.
CREATE TYPE credential_kind AS ENUM ('centralized', 'byok_api_key', 'byok_subscription');

CREATE TABLE aibridge_interceptions (
    id uuid NOT NULL PRIMARY KEY,
    initiator_id uuid NOT NULL,
    provider text NOT NULL,
    model text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    metadata jsonb,
    ended_at timestamp with time zone,
    api_key_id text,
    client character varying(64) DEFAULT 'Unknown'::character varying,
    thread_parent_id uuid,
    thread_root_id uuid,
    client_session_id character varying(256),
    session_id text GENERATED ALWAYS AS (COALESCE(client_session_id, ((thread_root_id)::text)::character varying, ((id)::text)::character varying)) STORED NOT NULL,
    provider_name text DEFAULT ''::text NOT NULL,
    credential_kind credential_kind DEFAULT 'centralized'::credential_kind NOT NULL,
    credential_hint character varying(15) DEFAULT ''::character varying NOT NULL
);

CREATE TABLE aibridge_model_thoughts (
    interception_id uuid NOT NULL,
    content text NOT NULL,
    metadata jsonb,
    created_at timestamp with time zone NOT NULL
);

CREATE TABLE aibridge_token_usages (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    interception_id uuid NOT NULL,
    provider_response_id text DEFAULT '' NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    metadata jsonb,
    created_at timestamp with time zone NOT NULL,
    cache_read_input_tokens bigint DEFAULT 0 NOT NULL,
    cache_write_input_tokens bigint DEFAULT 0 NOT NULL
);

CREATE TABLE aibridge_tool_usages (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    interception_id uuid NOT NULL,
    provider_response_id text DEFAULT '' NOT NULL,
    server_url text,
    tool text NOT NULL,
    input text DEFAULT '' NOT NULL,
    injected boolean DEFAULT false NOT NULL,
    invocation_error text,
    metadata jsonb,
    created_at timestamp with time zone NOT NULL,
    provider_tool_call_id text
);

CREATE TABLE aibridge_user_prompts (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    interception_id uuid NOT NULL,
    provider_response_id text DEFAULT '' NOT NULL,
    prompt text NOT NULL,
    metadata jsonb,
    created_at timestamp with time zone NOT NULL
);

CREATE TABLE ai_model_prices (
    provider text NOT NULL,
    model text NOT NULL,
    input_price bigint,
    output_price bigint,
    cache_read_price bigint,
    cache_write_price bigint,
    PRIMARY KEY (provider, model)
);

CREATE TABLE boundary_sessions (
    id uuid NOT NULL PRIMARY KEY,
    workspace_agent_id uuid NOT NULL,
    confined_process_name text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL
);

CREATE TABLE users (
    id uuid NOT NULL PRIMARY KEY,
    email text NOT NULL,
    username text DEFAULT ''::text NOT NULL,
    hashed_password bytea NOT NULL
);

CREATE TABLE workspace_agents (
    id uuid NOT NULL PRIMARY KEY,
    name character varying(64) NOT NULL,
    auth_token uuid NOT NULL
);

CREATE TABLE api_keys (
    id text NOT NULL,
    hashed_secret bytea NOT NULL
);

CREATE UNLOGGED TABLE workspace_agent_metadata (
    workspace_agent_id uuid NOT NULL,
    display_name character varying(127) NOT NULL,
    key character varying(127) NOT NULL,
    script character varying(65535) NOT NULL,
    value character varying(65535) DEFAULT ''::character varying NOT NULL,
    error character varying(65535) DEFAULT ''::character varying NOT NULL,
    timeout bigint NOT NULL,
    "interval" bigint NOT NULL,
    collected_at timestamp with time zone DEFAULT '0001-01-01 00:00:00+00'::timestamp with time zone NOT NULL,
    display_order integer DEFAULT 0 NOT NULL
);

CREATE TABLE templates (
    id uuid NOT NULL PRIMARY KEY,
    organization_id uuid NOT NULL,
    name character varying(64) NOT NULL,
    deleted boolean DEFAULT false NOT NULL,
    active_version_id uuid NOT NULL
);
