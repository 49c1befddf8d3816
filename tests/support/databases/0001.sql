BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE balances (
	id INTEGER NOT NULL, 
	credits FLOAT NOT NULL, 
	began FLOAT, 
	at FLOAT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "balances" VALUES(1,100.0,1799999999.0,1800000000.0);
CREATE TABLE brakes (
	id INTEGER NOT NULL, 
	failures INTEGER NOT NULL, 
	problem VARCHAR(40), 
	detail TEXT, 
	since FLOAT, 
	try_at FLOAT, 
	probed INTEGER NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE drafts (
	id VARCHAR(32) NOT NULL, 
	content TEXT NOT NULL, 
	changed_at FLOAT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "drafts" VALUES('cccccccccccccccccccccccccccccccc','{}',1800000000.0);
CREATE TABLE job_references (
	job_id VARCHAR(32) NOT NULL, 
	position INTEGER NOT NULL, 
	reference_id VARCHAR(64) NOT NULL, 
	PRIMARY KEY (job_id, position)
);
INSERT INTO "job_references" VALUES('f936ef6d7784da166271a48bea73de51',1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
INSERT INTO "job_references" VALUES('f6e5bbd581d17861681e259c747ffc3c',1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
INSERT INTO "job_references" VALUES('9f5ac9f04a6bbdc7625ca3a9359c73d2',1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
INSERT INTO "job_references" VALUES('17214079ddfcfd2c3afde0c10158be5b',1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
INSERT INTO "job_references" VALUES('307857bebeb81f2ca308c809f6a9c857',1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
INSERT INTO "job_references" VALUES('3ad670b606754dd09b0ab5a0c8389062',1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
INSERT INTO "job_references" VALUES('c6ef20c500052ce5e92e45aa5093ddb2',1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
INSERT INTO "job_references" VALUES('ae1644489f2048684c3544739f315c2e',1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
INSERT INTO "job_references" VALUES('bf551ec8fda7a6f70808cec99636bcfe',1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
CREATE TABLE job_tags (
	job_id VARCHAR(32) NOT NULL, 
	tag VARCHAR(40) NOT NULL, 
	at FLOAT, 
	person VARCHAR(200), 
	PRIMARY KEY (job_id, tag)
);
INSERT INTO "job_tags" VALUES('bf551ec8fda7a6f70808cec99636bcfe','lighthouse',1800000000.0,'Ann');
CREATE TABLE jobs (
	id VARCHAR(32) NOT NULL, 
	submit_id VARCHAR(64) NOT NULL, 
	variant INTEGER NOT NULL, 
	"row" INTEGER, 
	person VARCHAR(200) NOT NULL, 
	project VARCHAR(80), 
	state VARCHAR(16) NOT NULL, 
	prompt TEXT NOT NULL, 
	aspect_ratio VARCHAR(8) NOT NULL, 
	resolution VARCHAR(8) NOT NULL, 
	output_format VARCHAR(8) NOT NULL, 
	fingerprint VARCHAR(64), 
	task_id VARCHAR(200), 
	stage VARCHAR(40), 
	price_expected FLOAT, 
	credits FLOAT, 
	problem VARCHAR(40), 
	candidate VARCHAR(200), 
	candidate_from VARCHAR(10), 
	settled TEXT, 
	fail_code VARCHAR(20), 
	fail_message TEXT, 
	created_at FLOAT NOT NULL, 
	sent_at FLOAT, 
	accepted_at FLOAT, 
	failed_at FLOAT, 
	ended_at FLOAT, 
	paused_at FLOAT, 
	duration_s FLOAT, 
	next_at FLOAT, 
	attempts INTEGER NOT NULL, 
	looks INTEGER, 
	server VARCHAR(32), 
	file VARCHAR(200), 
	file_kind VARCHAR(8), 
	file_bytes INTEGER, 
	width INTEGER, 
	height INTEGER, 
	preview_problem VARCHAR(40), 
	starred_at FLOAT, 
	starred_by VARCHAR(200), 
	verdict VARCHAR(8), 
	verdict_at FLOAT, 
	verdict_by VARCHAR(200), 
	note TEXT, 
	note_at FLOAT, 
	note_by VARCHAR(200), 
	project_at FLOAT, 
	project_by VARCHAR(200), 
	binned_at FLOAT, 
	binned_by VARCHAR(200), 
	emptied_at FLOAT, 
	version BIGINT, 
	PRIMARY KEY (id), 
	UNIQUE (submit_id, variant), 
	UNIQUE (task_id)
);
INSERT INTO "jobs" VALUES('f936ef6d7784da166271a48bea73de51','submit-1',1,NULL,'Ann',NULL,'queued','a lighthouse','1:1','1K','png','980df35b6156d6b2ea5e7b3b148503b9cd9a1a8bfb343e007e2d4fdd737bf551',NULL,NULL,18.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1800000000.0,NULL,NULL,NULL,NULL,NULL,NULL,1800000000.0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1);
INSERT INTO "jobs" VALUES('f6e5bbd581d17861681e259c747ffc3c','submit-2',1,NULL,'Ann',NULL,'uploading','a lighthouse','1:1','1K','png','980df35b6156d6b2ea5e7b3b148503b9cd9a1a8bfb343e007e2d4fdd737bf551',NULL,NULL,18.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1800000000.0,NULL,NULL,NULL,NULL,NULL,NULL,1800000000.0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,3);
INSERT INTO "jobs" VALUES('9f5ac9f04a6bbdc7625ca3a9359c73d2','submit-3',1,NULL,'Ann',NULL,'sending','a lighthouse','1:1','1K','png','980df35b6156d6b2ea5e7b3b148503b9cd9a1a8bfb343e007e2d4fdd737bf551',NULL,NULL,18.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1800000000.0,NULL,NULL,NULL,NULL,NULL,NULL,1800000000.0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,6);
INSERT INTO "jobs" VALUES('17214079ddfcfd2c3afde0c10158be5b','submit-4',1,NULL,'Ann',NULL,'running','a lighthouse','1:1','1K','png','980df35b6156d6b2ea5e7b3b148503b9cd9a1a8bfb343e007e2d4fdd737bf551',NULL,NULL,18.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1800000000.0,NULL,NULL,NULL,NULL,NULL,NULL,1800000000.0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,10);
INSERT INTO "jobs" VALUES('307857bebeb81f2ca308c809f6a9c857','submit-5',1,NULL,'Ann',NULL,'fetching','a lighthouse','1:1','1K','png','980df35b6156d6b2ea5e7b3b148503b9cd9a1a8bfb343e007e2d4fdd737bf551',NULL,NULL,18.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1800000000.0,NULL,NULL,NULL,NULL,NULL,NULL,1800000000.0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,15);
INSERT INTO "jobs" VALUES('3ad670b606754dd09b0ab5a0c8389062','submit-6',1,NULL,'Ann',NULL,'done','a lighthouse','1:1','1K','png','980df35b6156d6b2ea5e7b3b148503b9cd9a1a8bfb343e007e2d4fdd737bf551',NULL,NULL,18.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1800000000.0,NULL,NULL,NULL,NULL,NULL,NULL,1800000000.0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,21);
INSERT INTO "jobs" VALUES('c6ef20c500052ce5e92e45aa5093ddb2','submit-7',1,NULL,'Ann',NULL,'unsure','a lighthouse','1:1','1K','png','980df35b6156d6b2ea5e7b3b148503b9cd9a1a8bfb343e007e2d4fdd737bf551',NULL,NULL,18.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1800000000.0,NULL,NULL,NULL,NULL,NULL,NULL,1800000000.0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,25);
INSERT INTO "jobs" VALUES('ae1644489f2048684c3544739f315c2e','submit-8',1,NULL,'Ann',NULL,'failed','a lighthouse','1:1','1K','png','980df35b6156d6b2ea5e7b3b148503b9cd9a1a8bfb343e007e2d4fdd737bf551',NULL,NULL,18.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1800000000.0,NULL,NULL,NULL,NULL,NULL,NULL,1800000000.0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,29);
INSERT INTO "jobs" VALUES('bf551ec8fda7a6f70808cec99636bcfe','submit-9',1,NULL,'Ann',NULL,'cancelled','a lighthouse','1:1','1K','png','980df35b6156d6b2ea5e7b3b148503b9cd9a1a8bfb343e007e2d4fdd737bf551',NULL,NULL,18.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1800000000.0,NULL,NULL,NULL,NULL,NULL,NULL,1800000000.0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,32);
CREATE TABLE meta (
	name VARCHAR(40) NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "meta" VALUES('secret','94c3050760981bffddb89333d9488d8af701d11a81af190171f0c37b6e23ef55');
CREATE TABLE moves (
	id INTEGER NOT NULL, 
	job_id VARCHAR(32) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	at FLOAT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "moves" VALUES(1,'f936ef6d7784da166271a48bea73de51','queued',1800000000.0);
INSERT INTO "moves" VALUES(2,'f6e5bbd581d17861681e259c747ffc3c','queued',1800000000.0);
INSERT INTO "moves" VALUES(3,'f6e5bbd581d17861681e259c747ffc3c','uploading',1800000000.0);
INSERT INTO "moves" VALUES(4,'9f5ac9f04a6bbdc7625ca3a9359c73d2','queued',1800000000.0);
INSERT INTO "moves" VALUES(5,'9f5ac9f04a6bbdc7625ca3a9359c73d2','uploading',1800000000.0);
INSERT INTO "moves" VALUES(6,'9f5ac9f04a6bbdc7625ca3a9359c73d2','sending',1800000000.0);
INSERT INTO "moves" VALUES(7,'17214079ddfcfd2c3afde0c10158be5b','queued',1800000000.0);
INSERT INTO "moves" VALUES(8,'17214079ddfcfd2c3afde0c10158be5b','uploading',1800000000.0);
INSERT INTO "moves" VALUES(9,'17214079ddfcfd2c3afde0c10158be5b','sending',1800000000.0);
INSERT INTO "moves" VALUES(10,'17214079ddfcfd2c3afde0c10158be5b','running',1800000000.0);
INSERT INTO "moves" VALUES(11,'307857bebeb81f2ca308c809f6a9c857','queued',1800000000.0);
INSERT INTO "moves" VALUES(12,'307857bebeb81f2ca308c809f6a9c857','uploading',1800000000.0);
INSERT INTO "moves" VALUES(13,'307857bebeb81f2ca308c809f6a9c857','sending',1800000000.0);
INSERT INTO "moves" VALUES(14,'307857bebeb81f2ca308c809f6a9c857','running',1800000000.0);
INSERT INTO "moves" VALUES(15,'307857bebeb81f2ca308c809f6a9c857','fetching',1800000000.0);
INSERT INTO "moves" VALUES(16,'3ad670b606754dd09b0ab5a0c8389062','queued',1800000000.0);
INSERT INTO "moves" VALUES(17,'3ad670b606754dd09b0ab5a0c8389062','uploading',1800000000.0);
INSERT INTO "moves" VALUES(18,'3ad670b606754dd09b0ab5a0c8389062','sending',1800000000.0);
INSERT INTO "moves" VALUES(19,'3ad670b606754dd09b0ab5a0c8389062','running',1800000000.0);
INSERT INTO "moves" VALUES(20,'3ad670b606754dd09b0ab5a0c8389062','fetching',1800000000.0);
INSERT INTO "moves" VALUES(21,'3ad670b606754dd09b0ab5a0c8389062','done',1800000000.0);
INSERT INTO "moves" VALUES(22,'c6ef20c500052ce5e92e45aa5093ddb2','queued',1800000000.0);
INSERT INTO "moves" VALUES(23,'c6ef20c500052ce5e92e45aa5093ddb2','uploading',1800000000.0);
INSERT INTO "moves" VALUES(24,'c6ef20c500052ce5e92e45aa5093ddb2','sending',1800000000.0);
INSERT INTO "moves" VALUES(25,'c6ef20c500052ce5e92e45aa5093ddb2','unsure',1800000000.0);
INSERT INTO "moves" VALUES(26,'ae1644489f2048684c3544739f315c2e','queued',1800000000.0);
INSERT INTO "moves" VALUES(27,'ae1644489f2048684c3544739f315c2e','uploading',1800000000.0);
INSERT INTO "moves" VALUES(28,'ae1644489f2048684c3544739f315c2e','sending',1800000000.0);
INSERT INTO "moves" VALUES(29,'ae1644489f2048684c3544739f315c2e','failed',1800000000.0);
INSERT INTO "moves" VALUES(30,'bf551ec8fda7a6f70808cec99636bcfe','queued',1800000000.0);
INSERT INTO "moves" VALUES(31,'bf551ec8fda7a6f70808cec99636bcfe','cancelled',1800000000.0);
CREATE TABLE parcels (
	name VARCHAR(32) NOT NULL, 
	content TEXT NOT NULL, 
	made_at FLOAT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "parcels" VALUES('4f53cda18c2baa0c0354bb5f9a3ecbe5','[]',1800000000.0);
CREATE TABLE presets (
	id VARCHAR(32) NOT NULL, 
	project VARCHAR(80) NOT NULL, 
	name VARCHAR(80) NOT NULL, 
	aspect_ratio VARCHAR(8) NOT NULL, 
	resolution VARCHAR(8) NOT NULL, 
	output_format VARCHAR(8) NOT NULL, 
	images INTEGER NOT NULL, 
	person VARCHAR(200) NOT NULL, 
	changed_at FLOAT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (project, name)
);
INSERT INTO "presets" VALUES('bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb','Coast','Square','1:1','1K','png',2,'Ann',1800000000.0);
CREATE TABLE "references" (
	id VARCHAR(64) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	kind VARCHAR(8) NOT NULL, 
	width INTEGER NOT NULL, 
	height INTEGER NOT NULL, 
	bytes INTEGER NOT NULL, 
	file VARCHAR(200) NOT NULL, 
	created_at FLOAT NOT NULL, 
	checked_at FLOAT, 
	refusal TEXT, 
	changed TEXT, 
	job_id VARCHAR(32), 
	uploaded_url TEXT, 
	uploaded_to VARCHAR(200), 
	uploaded_at FLOAT, 
	PRIMARY KEY (id)
);
INSERT INTO "references" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','cat.png','png',8,8,80,'references/aa/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.png',1800000000.0,1800000000.0,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE sends (
	id INTEGER NOT NULL, 
	job_id VARCHAR(32) NOT NULL, 
	person VARCHAR(200) NOT NULL, 
	at FLOAT NOT NULL, 
	answered_at FLOAT, 
	PRIMARY KEY (id)
);
CREATE TABLE servers (
	id VARCHAR(32) NOT NULL, 
	seen_at FLOAT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE template_stars (
	template_id VARCHAR(32) NOT NULL, 
	person VARCHAR(200) NOT NULL, 
	PRIMARY KEY (template_id, person)
);
INSERT INTO "template_stars" VALUES('8fe8af065d36f7f4eb9c749bf1baa1ef','Ann');
CREATE TABLE templates (
	id VARCHAR(32) NOT NULL, 
	name VARCHAR(80) NOT NULL, 
	prompt TEXT NOT NULL, 
	person VARCHAR(200) NOT NULL, 
	changed_at FLOAT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (name)
);
INSERT INTO "templates" VALUES('8fe8af065d36f7f4eb9c749bf1baa1ef','Lighthouse','a lighthouse','Ann',1800000000.0);
CREATE INDEX jobs_accepted ON jobs (state, accepted_at, credits, price_expected);
CREATE INDEX jobs_ended ON jobs (person, ended_at);
CREATE INDEX jobs_person ON jobs (person, created_at);
CREATE INDEX jobs_same ON jobs (fingerprint);
CREATE INDEX jobs_problem ON jobs (state, problem, settled);
CREATE INDEX jobs_due ON jobs (next_at);
CREATE INDEX jobs_project ON jobs (project, created_at);
CREATE INDEX jobs_charged ON jobs (state, credits, settled);
CREATE INDEX jobs_state ON jobs (state, person, created_at);
CREATE INDEX jobs_binned ON jobs (binned_at);
CREATE INDEX jobs_version ON jobs (version);
CREATE INDEX jobs_newest ON jobs (created_at, id);
CREATE INDEX jobs_learned ON jobs (resolution, state, ended_at);
CREATE INDEX ix_references_job_id ON "references" (job_id);
CREATE INDEX ix_job_references_reference_id ON job_references (reference_id);
CREATE INDEX ix_moves_job_id ON moves (job_id);
CREATE INDEX ix_sends_answered_at ON sends (answered_at);
CREATE INDEX ix_sends_at ON sends (at);
CREATE INDEX ix_sends_job_id ON sends (job_id);
CREATE INDEX ix_job_tags_tag ON job_tags (tag);
CREATE INDEX ix_drafts_changed_at ON drafts (changed_at);
CREATE INDEX ix_balances_at ON balances (at);
CREATE INDEX ix_parcels_made_at ON parcels (made_at);
COMMIT;
