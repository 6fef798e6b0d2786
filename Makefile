# 诚信直播 · 所有日常操作都在这里：make help
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
PORT ?= 8000
UV_VERSION := 0.13.9
BIN := .venv/bin
UV := $(BIN)/uv
CHENGXIN := $(BIN)/chengxin

.PHONY: help setup run test lint format bench browser-tests clean services-up services-down services-test chaos

help: ## 列出所有命令
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

setup: .venv/.dependencies .venv/.assets ## 安装依赖、前端资源并训练模型（可重复执行，第二次很快）
	@$(CHENGXIN) train --if-needed

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "需要 Python 3.11 或更新版本：用 make PYTHON=/path/to/python3.11 setup 指定" >&2; exit 1; }
	@echo "建立 .venv……"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

.venv/.dependencies: pyproject.toml uv.lock | $(UV)
	@echo "安装依赖（版本由 uv.lock 锁定）……"
	@$(UV) sync --frozen --quiet
	@touch $@

.venv/.assets: api/assets/package.json api/assets/package-lock.json api/assets/install.py .venv/.dependencies
	@echo "安装页面资源……"
	@$(BIN)/python api/assets/install.py --has-node || $(UV) sync --frozen --quiet --group node
	@$(BIN)/python api/assets/install.py
	@touch $@

run: export CHENGXIN_DATA_DIR ?= $(CURDIR)/data/demo
run: setup ## 跑完样例日，打印结果，然后在 http://127.0.0.1:8000 提供服务（PORT= 可改端口）
	@$(CHENGXIN) demo --once
	@$(CHENGXIN) serve --port $(PORT)

test: setup ## 运行全部测试（各核并行）
	@$(BIN)/python -m pytest -n auto --dist loadfile

browser-tests: setup ## 只运行浏览器测试（需要 Chromium）
	@$(BIN)/python -m pytest -m browser

lint: setup ## 代码风格、类型、房间之间的引用规则、页面模板
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m api.templating

format: setup ## 自动整理代码格式
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: setup ## 性能测量，与同一次运行中的基线对比
	@$(BIN)/python -m benchmarks

clean: ## 删除安装与缓存（不删数据目录）
	@rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis api/static/vendor api/assets/node_modules classifiers/model

services-up: setup ## 在本机启动真实的 Kafka、Elasticsearch、PostgreSQL（不用容器），打印要导出的环境变量
	@$(BIN)/python -m infra.local up

services-down: ## 停止由 services-up 启动的服务（数据保留）
	@$(BIN)/python -m infra.local down

services-test: setup ## 启动临时的真实服务，运行需要它们的测试，然后停止
	@$(BIN)/python -m infra.local test

chaos: setup ## 在自己的临时服务上反复杀进程、停服务（一百多次），逐项核对不丢不重；约半小时
	@CHAOS=full $(BIN)/python -m pytest -m chaos tests/chaos
