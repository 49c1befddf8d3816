CREATE FUNCTION public.job_tags_changed() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN
            UPDATE jobs SET version = 0 WHERE id IN (NEW.job_id, OLD.job_id); RETURN NULL; END $$;
CREATE FUNCTION public.jobs_changed() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN
            NEW.version := txid_current(); RETURN NEW; END $$;
CREATE FUNCTION public.spaced(prompt text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
        SELECT regexp_replace(CASE WHEN octet_length(prompt) = length(prompt) THEN lower(prompt)
            ELSE regexp_replace(lower(normalize(regexp_replace(normalize(prompt, NFD), '[\u0300-\u036f\u0591-\u05bd\u064b-\u065f\u0670]', '', 'g'), NFKC)),
                '([\u0e00-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\u2fdf\u3005-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff])', ' \1 ', 'g') END, '[\W_]+', ' ', 'g') $$;
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.balances (
    id integer NOT NULL,
    credits double precision NOT NULL,
    began double precision,
    at double precision NOT NULL
);
CREATE SEQUENCE public.balances_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.balances_id_seq OWNED BY public.balances.id;
CREATE TABLE public.brakes (
    id integer NOT NULL,
    failures integer NOT NULL,
    problem character varying(40),
    detail text,
    since double precision,
    try_at double precision,
    probed integer NOT NULL
);
CREATE SEQUENCE public.brakes_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.brakes_id_seq OWNED BY public.brakes.id;
CREATE TABLE public.drafts (
    id character varying(32) NOT NULL,
    content text NOT NULL,
    changed_at double precision NOT NULL
);
CREATE TABLE public.job_references (
    job_id character varying(32) NOT NULL,
    "position" integer NOT NULL,
    reference_id character varying(64) NOT NULL
);
CREATE TABLE public.job_tags (
    job_id character varying(32) NOT NULL,
    tag character varying(40) NOT NULL,
    at double precision,
    person character varying(200)
);
CREATE TABLE public.jobs (
    id character varying(32) NOT NULL,
    submit_id character varying(64) NOT NULL,
    variant integer NOT NULL,
    "row" integer,
    person character varying(200) NOT NULL,
    project character varying(80),
    state character varying(16) NOT NULL,
    prompt text NOT NULL,
    aspect_ratio character varying(8) NOT NULL,
    resolution character varying(8) NOT NULL,
    output_format character varying(8) NOT NULL,
    fingerprint character varying(64),
    task_id character varying(200),
    stage character varying(40),
    price_expected double precision,
    credits double precision,
    problem character varying(40),
    candidate character varying(200),
    candidate_from character varying(10),
    settled text,
    fail_code character varying(20),
    fail_message text,
    created_at double precision NOT NULL,
    sent_at double precision,
    accepted_at double precision,
    failed_at double precision,
    ended_at double precision,
    paused_at double precision,
    duration_s double precision,
    next_at double precision,
    attempts integer NOT NULL,
    looks integer,
    server character varying(32),
    file character varying(200),
    file_kind character varying(8),
    file_bytes integer,
    width integer,
    height integer,
    preview_problem character varying(40),
    starred_at double precision,
    starred_by character varying(200),
    verdict character varying(8),
    verdict_at double precision,
    verdict_by character varying(200),
    note text,
    note_at double precision,
    note_by character varying(200),
    project_at double precision,
    project_by character varying(200),
    binned_at double precision,
    binned_by character varying(200),
    emptied_at double precision,
    version bigint,
    prompt_words tsvector GENERATED ALWAYS AS (to_tsvector('simple'::regconfig, public.spaced(prompt))) STORED
);
CREATE TABLE public.meta (
    name character varying(40) NOT NULL,
    value text NOT NULL
);
CREATE TABLE public.moves (
    id integer NOT NULL,
    job_id character varying(32) NOT NULL,
    state character varying(16) NOT NULL,
    at double precision NOT NULL
);
CREATE SEQUENCE public.moves_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.moves_id_seq OWNED BY public.moves.id;
CREATE TABLE public.parcels (
    name character varying(32) NOT NULL,
    content text NOT NULL,
    made_at double precision NOT NULL
);
CREATE TABLE public.presets (
    id character varying(32) NOT NULL,
    project character varying(80) NOT NULL,
    name character varying(80) NOT NULL,
    aspect_ratio character varying(8) NOT NULL,
    resolution character varying(8) NOT NULL,
    output_format character varying(8) NOT NULL,
    images integer NOT NULL,
    person character varying(200) NOT NULL,
    changed_at double precision NOT NULL
);
CREATE TABLE public."references" (
    id character varying(64) NOT NULL,
    name character varying(255) NOT NULL,
    kind character varying(8) NOT NULL,
    width integer NOT NULL,
    height integer NOT NULL,
    bytes integer NOT NULL,
    file character varying(200) NOT NULL,
    created_at double precision NOT NULL,
    checked_at double precision,
    refusal text,
    changed text,
    job_id character varying(32),
    uploaded_url text,
    uploaded_to character varying(200),
    uploaded_at double precision
);
CREATE TABLE public.sends (
    id integer NOT NULL,
    job_id character varying(32) NOT NULL,
    person character varying(200) NOT NULL,
    at double precision NOT NULL,
    answered_at double precision
);
CREATE SEQUENCE public.sends_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.sends_id_seq OWNED BY public.sends.id;
CREATE TABLE public.servers (
    id character varying(32) NOT NULL,
    seen_at double precision NOT NULL
);
CREATE TABLE public.template_stars (
    template_id character varying(32) NOT NULL,
    person character varying(200) NOT NULL
);
CREATE TABLE public.templates (
    id character varying(32) NOT NULL,
    name character varying(80) NOT NULL,
    prompt text NOT NULL,
    person character varying(200) NOT NULL,
    changed_at double precision NOT NULL
);
ALTER TABLE ONLY public.balances ALTER COLUMN id SET DEFAULT nextval('public.balances_id_seq'::regclass);
ALTER TABLE ONLY public.brakes ALTER COLUMN id SET DEFAULT nextval('public.brakes_id_seq'::regclass);
ALTER TABLE ONLY public.moves ALTER COLUMN id SET DEFAULT nextval('public.moves_id_seq'::regclass);
ALTER TABLE ONLY public.sends ALTER COLUMN id SET DEFAULT nextval('public.sends_id_seq'::regclass);
INSERT INTO public.alembic_version VALUES ('0001');
INSERT INTO public.balances VALUES (1, 100, 1799999999, 1800000000);
INSERT INTO public.drafts VALUES ('cccccccccccccccccccccccccccccccc', '{}', 1800000000);
INSERT INTO public.job_references VALUES ('f936ef6d7784da166271a48bea73de51', 1, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
INSERT INTO public.job_references VALUES ('f6e5bbd581d17861681e259c747ffc3c', 1, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
INSERT INTO public.job_references VALUES ('9f5ac9f04a6bbdc7625ca3a9359c73d2', 1, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
INSERT INTO public.job_references VALUES ('17214079ddfcfd2c3afde0c10158be5b', 1, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
INSERT INTO public.job_references VALUES ('307857bebeb81f2ca308c809f6a9c857', 1, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
INSERT INTO public.job_references VALUES ('3ad670b606754dd09b0ab5a0c8389062', 1, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
INSERT INTO public.job_references VALUES ('c6ef20c500052ce5e92e45aa5093ddb2', 1, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
INSERT INTO public.job_references VALUES ('ae1644489f2048684c3544739f315c2e', 1, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
INSERT INTO public.job_references VALUES ('bf551ec8fda7a6f70808cec99636bcfe', 1, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
INSERT INTO public.job_tags VALUES ('bf551ec8fda7a6f70808cec99636bcfe', 'lighthouse', 1800000000, 'Ann');
INSERT INTO public.jobs VALUES ('f936ef6d7784da166271a48bea73de51', 'submit-1', 1, NULL, 'Ann', NULL, 'queued', 'a lighthouse', '1:1', '1K', 'png', '980df35b6156d6b2ea5e7b3b148503b9cd9a1a8bfb343e007e2d4fdd737bf551', NULL, NULL, 18, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1800000000, NULL, NULL, NULL, NULL, NULL, NULL, 1800000000, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 728, DEFAULT);
INSERT INTO public.jobs VALUES ('f6e5bbd581d17861681e259c747ffc3c', 'submit-2', 1, NULL, 'Ann', NULL, 'uploading', 'a lighthouse', '1:1', '1K', 'png', '980df35b6156d6b2ea5e7b3b148503b9cd9a1a8bfb343e007e2d4fdd737bf551', NULL, NULL, 18, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1800000000, NULL, NULL, NULL, NULL, NULL, NULL, 1800000000, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 728, DEFAULT);
INSERT INTO public.jobs VALUES ('9f5ac9f04a6bbdc7625ca3a9359c73d2', 'submit-3', 1, NULL, 'Ann', NULL, 'sending', 'a lighthouse', '1:1', '1K', 'png', '980df35b6156d6b2ea5e7b3b148503b9cd9a1a8bfb343e007e2d4fdd737bf551', NULL, NULL, 18, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1800000000, NULL, NULL, NULL, NULL, NULL, NULL, 1800000000, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 728, DEFAULT);
INSERT INTO public.jobs VALUES ('17214079ddfcfd2c3afde0c10158be5b', 'submit-4', 1, NULL, 'Ann', NULL, 'running', 'a lighthouse', '1:1', '1K', 'png', '980df35b6156d6b2ea5e7b3b148503b9cd9a1a8bfb343e007e2d4fdd737bf551', NULL, NULL, 18, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1800000000, NULL, NULL, NULL, NULL, NULL, NULL, 1800000000, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 728, DEFAULT);
INSERT INTO public.jobs VALUES ('307857bebeb81f2ca308c809f6a9c857', 'submit-5', 1, NULL, 'Ann', NULL, 'fetching', 'a lighthouse', '1:1', '1K', 'png', '980df35b6156d6b2ea5e7b3b148503b9cd9a1a8bfb343e007e2d4fdd737bf551', NULL, NULL, 18, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1800000000, NULL, NULL, NULL, NULL, NULL, NULL, 1800000000, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 728, DEFAULT);
INSERT INTO public.jobs VALUES ('3ad670b606754dd09b0ab5a0c8389062', 'submit-6', 1, NULL, 'Ann', NULL, 'done', 'a lighthouse', '1:1', '1K', 'png', '980df35b6156d6b2ea5e7b3b148503b9cd9a1a8bfb343e007e2d4fdd737bf551', NULL, NULL, 18, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1800000000, NULL, NULL, NULL, NULL, NULL, NULL, 1800000000, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 728, DEFAULT);
INSERT INTO public.jobs VALUES ('c6ef20c500052ce5e92e45aa5093ddb2', 'submit-7', 1, NULL, 'Ann', NULL, 'unsure', 'a lighthouse', '1:1', '1K', 'png', '980df35b6156d6b2ea5e7b3b148503b9cd9a1a8bfb343e007e2d4fdd737bf551', NULL, NULL, 18, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1800000000, NULL, NULL, NULL, NULL, NULL, NULL, 1800000000, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 728, DEFAULT);
INSERT INTO public.jobs VALUES ('ae1644489f2048684c3544739f315c2e', 'submit-8', 1, NULL, 'Ann', NULL, 'failed', 'a lighthouse', '1:1', '1K', 'png', '980df35b6156d6b2ea5e7b3b148503b9cd9a1a8bfb343e007e2d4fdd737bf551', NULL, NULL, 18, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1800000000, NULL, NULL, NULL, NULL, NULL, NULL, 1800000000, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 728, DEFAULT);
INSERT INTO public.jobs VALUES ('bf551ec8fda7a6f70808cec99636bcfe', 'submit-9', 1, NULL, 'Ann', NULL, 'cancelled', 'a lighthouse', '1:1', '1K', 'png', '980df35b6156d6b2ea5e7b3b148503b9cd9a1a8bfb343e007e2d4fdd737bf551', NULL, NULL, 18, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1800000000, NULL, NULL, NULL, NULL, NULL, NULL, 1800000000, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 728, DEFAULT);
INSERT INTO public.meta VALUES ('secret', '94c3050760981bffddb89333d9488d8af701d11a81af190171f0c37b6e23ef55');
INSERT INTO public.moves VALUES (1, 'f936ef6d7784da166271a48bea73de51', 'queued', 1800000000);
INSERT INTO public.moves VALUES (2, 'f6e5bbd581d17861681e259c747ffc3c', 'queued', 1800000000);
INSERT INTO public.moves VALUES (3, 'f6e5bbd581d17861681e259c747ffc3c', 'uploading', 1800000000);
INSERT INTO public.moves VALUES (4, '9f5ac9f04a6bbdc7625ca3a9359c73d2', 'queued', 1800000000);
INSERT INTO public.moves VALUES (5, '9f5ac9f04a6bbdc7625ca3a9359c73d2', 'uploading', 1800000000);
INSERT INTO public.moves VALUES (6, '9f5ac9f04a6bbdc7625ca3a9359c73d2', 'sending', 1800000000);
INSERT INTO public.moves VALUES (7, '17214079ddfcfd2c3afde0c10158be5b', 'queued', 1800000000);
INSERT INTO public.moves VALUES (8, '17214079ddfcfd2c3afde0c10158be5b', 'uploading', 1800000000);
INSERT INTO public.moves VALUES (9, '17214079ddfcfd2c3afde0c10158be5b', 'sending', 1800000000);
INSERT INTO public.moves VALUES (10, '17214079ddfcfd2c3afde0c10158be5b', 'running', 1800000000);
INSERT INTO public.moves VALUES (11, '307857bebeb81f2ca308c809f6a9c857', 'queued', 1800000000);
INSERT INTO public.moves VALUES (12, '307857bebeb81f2ca308c809f6a9c857', 'uploading', 1800000000);
INSERT INTO public.moves VALUES (13, '307857bebeb81f2ca308c809f6a9c857', 'sending', 1800000000);
INSERT INTO public.moves VALUES (14, '307857bebeb81f2ca308c809f6a9c857', 'running', 1800000000);
INSERT INTO public.moves VALUES (15, '307857bebeb81f2ca308c809f6a9c857', 'fetching', 1800000000);
INSERT INTO public.moves VALUES (16, '3ad670b606754dd09b0ab5a0c8389062', 'queued', 1800000000);
INSERT INTO public.moves VALUES (17, '3ad670b606754dd09b0ab5a0c8389062', 'uploading', 1800000000);
INSERT INTO public.moves VALUES (18, '3ad670b606754dd09b0ab5a0c8389062', 'sending', 1800000000);
INSERT INTO public.moves VALUES (19, '3ad670b606754dd09b0ab5a0c8389062', 'running', 1800000000);
INSERT INTO public.moves VALUES (20, '3ad670b606754dd09b0ab5a0c8389062', 'fetching', 1800000000);
INSERT INTO public.moves VALUES (21, '3ad670b606754dd09b0ab5a0c8389062', 'done', 1800000000);
INSERT INTO public.moves VALUES (22, 'c6ef20c500052ce5e92e45aa5093ddb2', 'queued', 1800000000);
INSERT INTO public.moves VALUES (23, 'c6ef20c500052ce5e92e45aa5093ddb2', 'uploading', 1800000000);
INSERT INTO public.moves VALUES (24, 'c6ef20c500052ce5e92e45aa5093ddb2', 'sending', 1800000000);
INSERT INTO public.moves VALUES (25, 'c6ef20c500052ce5e92e45aa5093ddb2', 'unsure', 1800000000);
INSERT INTO public.moves VALUES (26, 'ae1644489f2048684c3544739f315c2e', 'queued', 1800000000);
INSERT INTO public.moves VALUES (27, 'ae1644489f2048684c3544739f315c2e', 'uploading', 1800000000);
INSERT INTO public.moves VALUES (28, 'ae1644489f2048684c3544739f315c2e', 'sending', 1800000000);
INSERT INTO public.moves VALUES (29, 'ae1644489f2048684c3544739f315c2e', 'failed', 1800000000);
INSERT INTO public.moves VALUES (30, 'bf551ec8fda7a6f70808cec99636bcfe', 'queued', 1800000000);
INSERT INTO public.moves VALUES (31, 'bf551ec8fda7a6f70808cec99636bcfe', 'cancelled', 1800000000);
INSERT INTO public.parcels VALUES ('4f53cda18c2baa0c0354bb5f9a3ecbe5', '[]', 1800000000);
INSERT INTO public.presets VALUES ('bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 'Coast', 'Square', '1:1', '1K', 'png', 2, 'Ann', 1800000000);
INSERT INTO public."references" VALUES ('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'cat.png', 'png', 8, 8, 80, 'references/aa/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.png', 1800000000, 1800000000, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.template_stars VALUES ('8fe8af065d36f7f4eb9c749bf1baa1ef', 'Ann');
INSERT INTO public.templates VALUES ('8fe8af065d36f7f4eb9c749bf1baa1ef', 'Lighthouse', 'a lighthouse', 'Ann', 1800000000);
SELECT pg_catalog.setval('public.balances_id_seq', 1, true);
SELECT pg_catalog.setval('public.brakes_id_seq', 1, true);
SELECT pg_catalog.setval('public.moves_id_seq', 31, true);
SELECT pg_catalog.setval('public.sends_id_seq', 1, true);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.balances
    ADD CONSTRAINT balances_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.brakes
    ADD CONSTRAINT brakes_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.drafts
    ADD CONSTRAINT drafts_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.job_references
    ADD CONSTRAINT job_references_pkey PRIMARY KEY (job_id, "position");
ALTER TABLE ONLY public.job_tags
    ADD CONSTRAINT job_tags_pkey PRIMARY KEY (job_id, tag);
ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT jobs_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT jobs_submit_id_variant_key UNIQUE (submit_id, variant);
ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT jobs_task_id_key UNIQUE (task_id);
ALTER TABLE ONLY public.meta
    ADD CONSTRAINT meta_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.moves
    ADD CONSTRAINT moves_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.parcels
    ADD CONSTRAINT parcels_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.presets
    ADD CONSTRAINT presets_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.presets
    ADD CONSTRAINT presets_project_name_key UNIQUE (project, name);
ALTER TABLE ONLY public."references"
    ADD CONSTRAINT references_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.sends
    ADD CONSTRAINT sends_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.servers
    ADD CONSTRAINT servers_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.template_stars
    ADD CONSTRAINT template_stars_pkey PRIMARY KEY (template_id, person);
ALTER TABLE ONLY public.templates
    ADD CONSTRAINT templates_name_key UNIQUE (name);
ALTER TABLE ONLY public.templates
    ADD CONSTRAINT templates_pkey PRIMARY KEY (id);
CREATE INDEX ix_balances_at ON public.balances USING btree (at);
CREATE INDEX ix_drafts_changed_at ON public.drafts USING btree (changed_at);
CREATE INDEX ix_job_references_reference_id ON public.job_references USING btree (reference_id);
CREATE INDEX ix_job_tags_tag ON public.job_tags USING btree (tag);
CREATE INDEX ix_moves_job_id ON public.moves USING btree (job_id);
CREATE INDEX ix_parcels_made_at ON public.parcels USING btree (made_at);
CREATE INDEX ix_references_job_id ON public."references" USING btree (job_id);
CREATE INDEX ix_sends_answered_at ON public.sends USING btree (answered_at);
CREATE INDEX ix_sends_at ON public.sends USING btree (at);
CREATE INDEX ix_sends_job_id ON public.sends USING btree (job_id);
CREATE INDEX jobs_accepted ON public.jobs USING btree (state, accepted_at, credits, price_expected);
CREATE INDEX jobs_binned ON public.jobs USING btree (binned_at);
CREATE INDEX jobs_charged ON public.jobs USING btree (state, credits, settled);
CREATE INDEX jobs_due ON public.jobs USING btree (next_at);
CREATE INDEX jobs_ended ON public.jobs USING btree (person, ended_at);
CREATE INDEX jobs_learned ON public.jobs USING btree (resolution, state, ended_at);
CREATE INDEX jobs_newest ON public.jobs USING btree (created_at, id);
CREATE INDEX jobs_person ON public.jobs USING btree (person, created_at);
CREATE INDEX jobs_problem ON public.jobs USING btree (state, problem, settled);
CREATE INDEX jobs_project ON public.jobs USING btree (project, created_at);
CREATE INDEX jobs_same ON public.jobs USING btree (fingerprint);
CREATE INDEX jobs_state ON public.jobs USING btree (state, person, created_at);
CREATE INDEX jobs_version ON public.jobs USING btree (version);
CREATE INDEX jobs_words ON public.jobs USING gin (prompt_words);
CREATE TRIGGER job_tags_changed AFTER INSERT OR DELETE ON public.job_tags FOR EACH ROW EXECUTE FUNCTION public.job_tags_changed();
CREATE TRIGGER jobs_changed BEFORE INSERT OR UPDATE OF person, project, state, credits, task_id, candidate, problem, settled, file, duration_s, starred_at, verdict, binned_at, emptied_at, width, height, file_kind, version ON public.jobs FOR EACH ROW EXECUTE FUNCTION public.jobs_changed();
