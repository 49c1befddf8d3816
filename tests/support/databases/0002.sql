BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0002');
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
INSERT INTO "job_references" VALUES('c538f111aa4bffa3bd00d0724f0d2e84',1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
INSERT INTO "job_references" VALUES('2a24cbea3b370c6135fdac131d91514d',1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
INSERT INTO "job_references" VALUES('5481b08ad8136e9a1af8a668f5b36af4',1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
INSERT INTO "job_references" VALUES('5c00e8a3c22407df28a6eb720f02d94c',1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
INSERT INTO "job_references" VALUES('6f950f40f22500ffdbfa4ebb9c9cb489',1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
INSERT INTO "job_references" VALUES('0a03b96bcaf929c4db18fa8c53203925',1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
INSERT INTO "job_references" VALUES('c257bd040e621ed0a990cc2aad131122',1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
INSERT INTO "job_references" VALUES('d3305c78ad930c359ad3be2dc3e60383',1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
INSERT INTO "job_references" VALUES('c28dddb0b55ec1d048507c1a3879aac8',1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
CREATE TABLE job_tags (
	job_id VARCHAR(32) NOT NULL, 
	tag VARCHAR(40) NOT NULL, 
	at FLOAT, 
	person VARCHAR(200), 
	PRIMARY KEY (job_id, tag)
);
INSERT INTO "job_tags" VALUES('c28dddb0b55ec1d048507c1a3879aac8','lighthouse',1800000000.0,'Ann');
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
	has_references BOOLEAN, 
	PRIMARY KEY (id), 
	UNIQUE (submit_id, variant), 
	UNIQUE (task_id)
);
INSERT INTO "jobs" VALUES('c538f111aa4bffa3bd00d0724f0d2e84','submit-1',1,NULL,'Ann',NULL,'queued','a lighthouse','1:1','1K','png','980df35b6156d6b2ea5e7b3b148503b9cd9a1a8bfb343e007e2d4fdd737bf551',NULL,NULL,18.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1800000000.0,NULL,NULL,NULL,NULL,NULL,NULL,1800000000.0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1);
INSERT INTO "jobs" VALUES('2a24cbea3b370c6135fdac131d91514d','submit-2',1,NULL,'Ann',NULL,'uploading','a lighthouse','1:1','1K','png','980df35b6156d6b2ea5e7b3b148503b9cd9a1a8bfb343e007e2d4fdd737bf551',NULL,NULL,18.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1800000000.0,NULL,NULL,NULL,NULL,NULL,NULL,1800000000.0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1);
INSERT INTO "jobs" VALUES('5481b08ad8136e9a1af8a668f5b36af4','submit-3',1,NULL,'Ann',NULL,'sending','a lighthouse','1:1','1K','png','980df35b6156d6b2ea5e7b3b148503b9cd9a1a8bfb343e007e2d4fdd737bf551',NULL,NULL,18.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1800000000.0,NULL,NULL,NULL,NULL,NULL,NULL,1800000000.0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1);
INSERT INTO "jobs" VALUES('5c00e8a3c22407df28a6eb720f02d94c','submit-4',1,NULL,'Ann',NULL,'running','a lighthouse','1:1','1K','png','980df35b6156d6b2ea5e7b3b148503b9cd9a1a8bfb343e007e2d4fdd737bf551',NULL,NULL,18.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1800000000.0,NULL,NULL,NULL,NULL,NULL,NULL,1800000000.0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1);
INSERT INTO "jobs" VALUES('6f950f40f22500ffdbfa4ebb9c9cb489','submit-5',1,NULL,'Ann',NULL,'fetching','a lighthouse','1:1','1K','png','980df35b6156d6b2ea5e7b3b148503b9cd9a1a8bfb343e007e2d4fdd737bf551',NULL,NULL,18.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1800000000.0,NULL,NULL,NULL,NULL,NULL,NULL,1800000000.0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1);
INSERT INTO "jobs" VALUES('0a03b96bcaf929c4db18fa8c53203925','submit-6',1,NULL,'Ann',NULL,'done','a lighthouse','1:1','1K','png','980df35b6156d6b2ea5e7b3b148503b9cd9a1a8bfb343e007e2d4fdd737bf551',NULL,NULL,18.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1800000000.0,NULL,NULL,NULL,NULL,NULL,NULL,1800000000.0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1);
INSERT INTO "jobs" VALUES('c257bd040e621ed0a990cc2aad131122','submit-7',1,NULL,'Ann',NULL,'unsure','a lighthouse','1:1','1K','png','980df35b6156d6b2ea5e7b3b148503b9cd9a1a8bfb343e007e2d4fdd737bf551',NULL,NULL,18.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1800000000.0,NULL,NULL,NULL,NULL,NULL,NULL,1800000000.0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1);
INSERT INTO "jobs" VALUES('d3305c78ad930c359ad3be2dc3e60383','submit-8',1,NULL,'Ann',NULL,'failed','a lighthouse','1:1','1K','png','980df35b6156d6b2ea5e7b3b148503b9cd9a1a8bfb343e007e2d4fdd737bf551',NULL,NULL,18.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1800000000.0,NULL,NULL,NULL,NULL,NULL,NULL,1800000000.0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1);
INSERT INTO "jobs" VALUES('c28dddb0b55ec1d048507c1a3879aac8','submit-9',1,NULL,'Ann',NULL,'cancelled','a lighthouse','1:1','1K','png','980df35b6156d6b2ea5e7b3b148503b9cd9a1a8bfb343e007e2d4fdd737bf551',NULL,NULL,18.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1800000000.0,NULL,NULL,NULL,NULL,NULL,NULL,1800000000.0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1);
CREATE TABLE meta (
	name VARCHAR(40) NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "meta" VALUES('secret','28a9dcf59f506af361795260baace7c16c60a9b4e26fb3b63673f1c1f7317df8');
CREATE TABLE moves (
	id INTEGER NOT NULL, 
	job_id VARCHAR(32) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	at FLOAT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "moves" VALUES(1,'c538f111aa4bffa3bd00d0724f0d2e84','queued',1800000000.0);
INSERT INTO "moves" VALUES(2,'2a24cbea3b370c6135fdac131d91514d','queued',1800000000.0);
INSERT INTO "moves" VALUES(3,'2a24cbea3b370c6135fdac131d91514d','uploading',1800000000.0);
INSERT INTO "moves" VALUES(4,'5481b08ad8136e9a1af8a668f5b36af4','queued',1800000000.0);
INSERT INTO "moves" VALUES(5,'5481b08ad8136e9a1af8a668f5b36af4','uploading',1800000000.0);
INSERT INTO "moves" VALUES(6,'5481b08ad8136e9a1af8a668f5b36af4','sending',1800000000.0);
INSERT INTO "moves" VALUES(7,'5c00e8a3c22407df28a6eb720f02d94c','queued',1800000000.0);
INSERT INTO "moves" VALUES(8,'5c00e8a3c22407df28a6eb720f02d94c','uploading',1800000000.0);
INSERT INTO "moves" VALUES(9,'5c00e8a3c22407df28a6eb720f02d94c','sending',1800000000.0);
INSERT INTO "moves" VALUES(10,'5c00e8a3c22407df28a6eb720f02d94c','running',1800000000.0);
INSERT INTO "moves" VALUES(11,'6f950f40f22500ffdbfa4ebb9c9cb489','queued',1800000000.0);
INSERT INTO "moves" VALUES(12,'6f950f40f22500ffdbfa4ebb9c9cb489','uploading',1800000000.0);
INSERT INTO "moves" VALUES(13,'6f950f40f22500ffdbfa4ebb9c9cb489','sending',1800000000.0);
INSERT INTO "moves" VALUES(14,'6f950f40f22500ffdbfa4ebb9c9cb489','running',1800000000.0);
INSERT INTO "moves" VALUES(15,'6f950f40f22500ffdbfa4ebb9c9cb489','fetching',1800000000.0);
INSERT INTO "moves" VALUES(16,'0a03b96bcaf929c4db18fa8c53203925','queued',1800000000.0);
INSERT INTO "moves" VALUES(17,'0a03b96bcaf929c4db18fa8c53203925','uploading',1800000000.0);
INSERT INTO "moves" VALUES(18,'0a03b96bcaf929c4db18fa8c53203925','sending',1800000000.0);
INSERT INTO "moves" VALUES(19,'0a03b96bcaf929c4db18fa8c53203925','running',1800000000.0);
INSERT INTO "moves" VALUES(20,'0a03b96bcaf929c4db18fa8c53203925','fetching',1800000000.0);
INSERT INTO "moves" VALUES(21,'0a03b96bcaf929c4db18fa8c53203925','done',1800000000.0);
INSERT INTO "moves" VALUES(22,'c257bd040e621ed0a990cc2aad131122','queued',1800000000.0);
INSERT INTO "moves" VALUES(23,'c257bd040e621ed0a990cc2aad131122','uploading',1800000000.0);
INSERT INTO "moves" VALUES(24,'c257bd040e621ed0a990cc2aad131122','sending',1800000000.0);
INSERT INTO "moves" VALUES(25,'c257bd040e621ed0a990cc2aad131122','unsure',1800000000.0);
INSERT INTO "moves" VALUES(26,'d3305c78ad930c359ad3be2dc3e60383','queued',1800000000.0);
INSERT INTO "moves" VALUES(27,'d3305c78ad930c359ad3be2dc3e60383','uploading',1800000000.0);
INSERT INTO "moves" VALUES(28,'d3305c78ad930c359ad3be2dc3e60383','sending',1800000000.0);
INSERT INTO "moves" VALUES(29,'d3305c78ad930c359ad3be2dc3e60383','failed',1800000000.0);
INSERT INTO "moves" VALUES(30,'c28dddb0b55ec1d048507c1a3879aac8','queued',1800000000.0);
INSERT INTO "moves" VALUES(31,'c28dddb0b55ec1d048507c1a3879aac8','cancelled',1800000000.0);
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
INSERT INTO "template_stars" VALUES('35ed1c97626f821285a67b051b6ab74b','Ann');
CREATE TABLE templates (
	id VARCHAR(32) NOT NULL, 
	name VARCHAR(80) NOT NULL, 
	prompt TEXT NOT NULL, 
	person VARCHAR(200) NOT NULL, 
	changed_at FLOAT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (name)
);
INSERT INTO "templates" VALUES('35ed1c97626f821285a67b051b6ab74b','Lighthouse','a lighthouse','Ann',1800000000.0);
CREATE INDEX jobs_history ON jobs (created_at, variant, id, binned_at, emptied_at, state, credits, task_id, problem, settled, candidate, file, person, project, aspect_ratio, resolution, output_format, verdict, starred_at, width, height, file_kind, has_references, duration_s);
CREATE INDEX jobs_accepted ON jobs (state, accepted_at, credits, price_expected);
CREATE INDEX jobs_due ON jobs (next_at);
CREATE INDEX jobs_ended ON jobs (person, ended_at);
CREATE INDEX jobs_problem ON jobs (state, problem, settled);
CREATE INDEX jobs_charged ON jobs (state, credits, settled);
CREATE INDEX jobs_person ON jobs (person, created_at);
CREATE INDEX jobs_newest ON jobs (created_at, id);
CREATE INDEX jobs_same ON jobs (fingerprint);
CREATE INDEX jobs_learned ON jobs (resolution, state, ended_at);
CREATE INDEX jobs_state ON jobs (state, person, created_at);
CREATE INDEX jobs_project ON jobs (project, created_at);
CREATE INDEX jobs_binned ON jobs (binned_at);
CREATE INDEX ix_references_job_id ON "references" (job_id);
CREATE INDEX ix_job_references_reference_id ON job_references (reference_id);
CREATE INDEX ix_moves_job_id ON moves (job_id);
CREATE INDEX ix_sends_job_id ON sends (job_id);
CREATE INDEX ix_sends_answered_at ON sends (answered_at);
CREATE INDEX ix_sends_at ON sends (at);
CREATE INDEX ix_job_tags_tag ON job_tags (tag);
CREATE INDEX ix_drafts_changed_at ON drafts (changed_at);
CREATE INDEX ix_balances_at ON balances (at);
CREATE INDEX ix_parcels_made_at ON parcels (made_at);
COMMIT;
